import RedisCore

// What to say of a call when a part of it was done and another failed: that nobody knows, never that nothing changed.

extension RedisError {
    /// The failure of a command when another one beside it has changed something.
    var besideChange: RedisError {
        // The answer stays, and beneath it what was done: as after a lost attempt, an effect is possible all the same.
        let done = RedisError(
            code, operation: operation, message: "another part of the call was done", address: address,
            wasWritten: true)
        return RedisError(
            code, operation: operation, message: "part of the call failed: \(message)", serverMessage: serverMessage,
            address: address, wasWritten: true, underlying: done)
    }
}

extension Collection where Element == Result<RedisValue, RedisError> {
    /// All replies, or the first failure, which says so if others were done.
    func allDone() throws(RedisError) -> [RedisValue] {
        var values: [RedisValue] = []
        var failure: RedisError?
        for result in self {
            switch result {
            case .success(let value): values.append(value)
            case .failure(let error): failure = failure ?? error
            }
        }
        guard let failure else { return values }
        throw values.isEmpty ? failure : failure.besideChange
    }
}
