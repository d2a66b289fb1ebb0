public import FoundationEssentials

/// Writes commands in the Redis wire format (RESP2 arrays of bulk strings).
public struct CommandEncoder: Sendable {
    var bytes: [UInt8] = []
    var keys: [RedisKey] = []

    init() {}

    mutating func begin(argumentCount: Int) { fatalError("stub") }
    mutating func append(_ value: Int64) { fatalError("stub") }
    mutating func append(_ value: String) { fatalError("stub") }
    mutating func append(_ value: [UInt8]) { fatalError("stub") }
    mutating func append(_ value: Data) { fatalError("stub") }
    mutating func appendKey(_ name: String) { fatalError("stub") }
}

enum ReadOnlyCommands {
    static func contains(_ name: String) -> Bool { false }
}
