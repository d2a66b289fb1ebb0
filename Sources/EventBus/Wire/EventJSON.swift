public import FoundationEssentials
import RedisCore

/// How payloads become JSON: dates as RFC 3339 text, as Go, Python and JavaScript write them.
public enum EventJSON {
    /// The decoder used unless another is given; safe to share.
    public static let decoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .rfc3339
        return decoder
    }()

    /// The encoder used unless another is given; safe to share.
    public static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        encoder.dateEncodingStrategy = .rfc3339
        return encoder
    }()

    /// Where decoding failed and why, without any value: values are payload and stay out of logs.
    static func place(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(Swift.type(of: error)) was thrown" }
        func path(_ context: DecodingError.Context, _ last: (any CodingKey)? = nil) -> String {
            let keys = (context.codingPath + (last.map { [$0] } ?? [])).map { key in
                key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)"
            }
            return keys.isEmpty ? "the top level" : LogText.short("payload" + keys.joined())
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(path(context, key)) is missing"
        case .typeMismatch(let type, let context): return "\(path(context)) is no \(type)"
        case .valueNotFound(let type, let context): return "\(path(context)) is null, not \(type)"
        case .dataCorrupted(let context): return "\(path(context)) is not readable"
        @unknown default: return "it is not readable"
        }
    }
}
