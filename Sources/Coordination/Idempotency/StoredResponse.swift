import FoundationEssentials

/// An answer to a request, as any HTTP framework can make it and give it out again.
public struct StoredResponse: Sendable, Hashable, Codable {
    /// The status code.
    public var status: Int
    /// Names and values in order; leave out what belongs to the connection or the moment (`Date`, `Set-Cookie`).
    public var headers: [Header]
    /// The content.
    public var body: [UInt8]

    /// One header field.
    public struct Header: Sendable, Hashable, Codable {
        /// Its name, as it is to be sent.
        public var name: String
        /// Its value.
        public var value: String

        /// A field.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// An answer.
    public init(status: Int, headers: [Header] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The stored form: a line of JSON with status and headers, then the body as it is.
    var stored: [UInt8]? {
        guard let head = try? JSONEncoder().encode(Head(status: status, headers: headers)) else { return nil }
        return Array(head) + [UInt8(ascii: "\n")] + body
    }

    /// nil for bytes that ``stored`` does not make.
    init?(stored bytes: [UInt8]) {
        // JSON without pretty-printing has no line end.
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let head = try? JSONDecoder().decode(Head.self, from: Data(bytes[..<end]))
        else { return nil }
        self.init(status: head.status, headers: head.headers, body: Array(bytes[(end + 1)...]))
    }

    private struct Head: Codable {
        var status: Int
        var headers: [Header]
    }
}
