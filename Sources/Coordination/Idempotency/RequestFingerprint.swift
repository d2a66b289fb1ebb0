import RedisCore

/// What makes two requests the same, as one short text: a SHA-256 over the parts with their lengths.
///
/// Which parts count is the application's business; method, path and body are usual. Leave out what changes from try to
/// try: dates, trace ids, signatures over them.
public struct RequestFingerprint: Sendable, Hashable {
    /// 64 lower-case hexadecimal digits.
    public let text: String

    /// Of a request as HTTP sees it.
    ///
    /// - Parameters:
    ///   - method: As it stands in the request line; compared exactly.
    ///   - path: The target, with its query if that matters.
    ///   - body: The bytes as they came; another order of JSON members is another request.
    ///   - further: Anything else that counts, such as the caller's account.
    public init(method: String, path: String, body: some Collection<UInt8>, further: [String] = []) {
        var hash = SHA256()
        // With lengths before them, no two lists of parts have the same bytes.
        for part in [method, path] + further {
            hash.update("\(part.utf8.count):".utf8)
            hash.update(part.utf8)
        }
        hash.update("\(body.count):".utf8)
        hash.update(body)
        text = hash.hexDigest()
    }
}
