import RedisCore

extension CacheKeys {
    /// A board's key, `‹prefix›:board:{‹name›}`, with `:‹window›` behind it if it has windows.
    ///
    /// All keys of a board share its name's slot.
    func board(_ name: String, _ window: LeaderboardWindow?) -> RedisKey {
        RedisKey(board(name) + (window.map { ":\($0.label)" } ?? ""))
    }

    /// The sum of a board's last windows.
    func union(_ name: String, _ union: LeaderboardUnion, upTo window: LeaderboardWindow) -> RedisKey {
        RedisKey(
            "\(board(name)):last:\(union.windows):\(union.aggregate.rawValue):\(union.milliseconds):\(window.label)")
    }

    /// What a request has done for a member; one request may be about several members, and several boards of a name.
    func mark(of request: String, member: String, board name: String, _ kind: String) -> RedisKey {
        RedisKey("\(board(name)):req:\(kind):\(KeyText.segment(member)):\(KeyText.escaped(request))")
    }

    private func board(_ name: String) -> String { "\(start)board:{\(KeyText.escaped(name))}" }
}
