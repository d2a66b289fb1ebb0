@testable import RedisCore

extension RedisCommand {
    /// What goes on the wire.
    var wireText: String { String(decoding: encoder.bytes, as: UTF8.self) }
}
