import FoundationEssentials

/// From values to payloads and back: text and bytes as they are, all else by the cache's serializer.
struct ValueCoder: Sendable {
    let serializer: any CacheSerializer

    struct Payload: Sendable {
        let codec: UInt8
        let bytes: Data
    }

    func encode<T: Encodable>(_ value: T, operation: String, key: String?) throws(CacheError) -> Payload {
        // Types are compared first: a cast that fails costs more than the rest of this.
        if T.self == String.self, let text = value as? String {
            return Payload(codec: CacheCodec.text, bytes: Data(text.utf8))
        }
        if T.self == Data.self, let data = value as? Data { return Payload(codec: CacheCodec.bytes, bytes: data) }
        if T.self == [UInt8].self, let bytes = value as? [UInt8] {
            return Payload(codec: CacheCodec.bytes, bytes: Data(bytes))
        }
        do {
            return Payload(codec: serializer.codec, bytes: try serializer.encode(value))
        } catch {
            throw CacheError(
                .unencodable, operation: operation, key: key,
                message: "a \(T.self) could not be turned into bytes: \(CodingPlace.of(error))")
        }
    }

    /// `codec` is nil for a value that another program stored without an envelope.
    func decode<T: Decodable>(
        _ type: T.Type, codec: UInt8?, _ bytes: Data, operation: String, key: String?
    ) throws(CacheError) -> T {
        do {
            if let plain = Self.plain(type, codec, bytes) { return plain }
            switch codec {
            case nil, serializer.codec: return try serializer.decode(type, from: bytes)
            case CacheCodec.json: return try JSONCacheSerializer().decode(type, from: bytes)
            case let other?:
                throw CacheError(
                    .undecodable, operation: operation, key: key,
                    message: "the value is stored in format \(other), not as a \(T.self)")
            }
        } catch let error as CacheError {
            throw error
        } catch {
            throw CacheError(
                .undecodable, operation: operation, key: key,
                message: "the value is no \(T.self): \(CodingPlace.of(error))")
        }
    }

    /// Text and bytes, where the entry and the caller agree that they are; foreign values are taken as they are.
    @inline(__always)
    static func plain<T>(_ type: T.Type, _ codec: UInt8?, _ bytes: UnsafeRawBufferPointer) -> T? {
        let isPlain = codec == nil || codec == CacheCodec.text || codec == CacheCodec.bytes
        guard isPlain else { return nil }
        if type == String.self { return String(validating: bytes, as: UTF8.self) as? T }
        if type == Data.self { return Data(bytes) as? T }
        if type == [UInt8].self { return [UInt8](bytes) as? T }
        return nil
    }

    private static func plain<T>(_ type: T.Type, _ codec: UInt8?, _ bytes: Data) -> T? {
        // What is whole already needs no copy.
        if type == Data.self, codec == nil || codec == CacheCodec.text || codec == CacheCodec.bytes {
            return (bytes.startIndex == 0 ? bytes : Data(bytes)) as? T
        }
        return bytes.withUnsafeBytes { plain(type, codec, $0) }
    }
}

/// Where coding failed and why, without any value: values stay out of errors and logs.
enum CodingPlace {
    static func of(_ error: any Error) -> String {
        switch error {
        case let error as DecodingError: decoding(error)
        case let error as EncodingError: encoding(error)
        default: "\(Swift.type(of: error)) was thrown"
        }
    }

    private static func decoding(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\(path(context.codingPath + [key])) is missing"
        case .typeMismatch(let type, let context): "\(path(context.codingPath)) is no \(type)"
        case .valueNotFound(let type, let context): "\(path(context.codingPath)) is null, not \(type)"
        case .dataCorrupted(let context): "\(path(context.codingPath)) is not readable"
        @unknown default: "it is not readable"
        }
    }

    private static func encoding(_ error: EncodingError) -> String {
        if case .invalidValue(_, let context) = error {
            return "\(path(context.codingPath)) cannot be written: \(context.debugDescription)"
        }
        return "it cannot be written"
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        guard !keys.isEmpty else { return "the top level" }
        let names = keys.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }
        return String(names.joined().prefix(200))
    }
}
