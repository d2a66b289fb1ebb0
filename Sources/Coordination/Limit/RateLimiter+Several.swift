import RedisCore

extension RateLimiter {
    /// Decides a call for each of many keys, each for itself, in one round trip; verdicts in order.
    ///
    /// A key that stands there twice is counted twice. Refusals that are known to hold are not asked for; when none is
    /// left to ask, there is no round trip.
    ///
    /// - Throws: like ``check(_:cost:)``.
    public func check(keys: [String], cost: Int = 1) async throws -> [RateLimitVerdict] {
        let wish = LimitRequest.Wish.exactly(cost)
        let now = Moment.nanoseconds
        let names = try keys.map(LimitKeys.escaped)
        var verdicts = try keys.map { key in try known(key, wish, now) }
        let open = verdicts.indices.filter { verdicts[$0] == nil }
        guard !open.isEmpty else { return verdicts.compactMap(\.self) }
        let epoch = denied?.epoch ?? 0
        do {
            let answers = try await request.decide(open.map { names[$0] }, wish, begun: now)
            for (index, answer) in zip(open, answers) {
                switch answer {
                case .success(let answer): verdicts[index] = take(answer, keys[index], wish, now, epoch)
                case .failure(let error): verdicts[index] = try failed(keys[index], wish, error)
                }
            }
        } catch let error as RedisError {
            for index in open { verdicts[index] = try failed(keys[index], wish, error) }
        }
        return verdicts.compactMap(\.self)
    }
}
