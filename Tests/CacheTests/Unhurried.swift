@testable import Cache

/// Options for calls that have to succeed.
///
/// By default a call waits a second for its answer, and a busy machine may hold up test or server for longer. Writes
/// would then throw, and a cache's reads would take it for a miss.
extension CacheOptions {
    static let unhurried = CacheOptions(timeout: .seconds(60))
}

extension CountersOptions {
    static let unhurried = CountersOptions(timeout: .seconds(60))
}

extension LeaderboardOptions {
    static let unhurried = LeaderboardOptions(timeout: .seconds(60))
}

extension OneTimeCodeOptions {
    static let unhurried = OneTimeCodeOptions(timeout: .seconds(60))
}

extension SessionOptions {
    static let unhurried = SessionOptions(timeout: .seconds(60))
}
