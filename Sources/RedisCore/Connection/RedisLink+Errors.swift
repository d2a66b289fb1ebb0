/// What a link says of its failures.
extension RedisLink {
    var slowError: RedisError {
        RedisError(
            .connectFailed, operation: "connect",
            message: "No connection to \(address) within \(configuration.connectTimeout); is it reachable?",
            address: address)
    }

    func unreachableError(_ reason: String) -> RedisError {
        RedisError(
            .connectFailed, operation: "connect",
            message: "Cannot connect to \(address): \(reason). Check that Redis runs there and the address is right.",
            address: address)
    }

    func uselessError(_ reason: String) -> RedisError {
        RedisError(
            .connectionLost, operation: "heartbeat", message: "Gave up the connection to \(address): \(reason).",
            address: address, wasWritten: true)
    }

    func renewalError(_ purpose: String) -> RedisError {
        RedisError(
            .connectionLost, operation: "connection", message: "Connects to \(address) anew, \(purpose).",
            address: address, wasWritten: true)
    }

    func lossError(_ failure: HiredisSocket.Failure, _ code: RedisError.Code, _ operation: String)
        -> RedisError
    {
        switch failure.kind {
        case .protocolError:
            RedisError(
                .protocolViolation, operation: operation,
                message: "Lost the connection to \(address): \(failure.text). Is it a Redis server without TLS?",
                address: address, wasWritten: true)
        case .other where failure.text.hasPrefix("ERR") || failure.text.contains(" "):
            RedisError(
                code, operation: operation, message: "\(address) ended the connection: \(failure.text).",
                serverMessage: failure.text, address: address, wasWritten: true)
        case .input, .endOfFile, .other, .closedByUs:
            RedisError(
                code, operation: operation, message: "Lost the connection to \(address): \(failure.text).",
                address: address, wasWritten: true)
        }
    }
}
