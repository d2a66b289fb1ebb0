/// One command in wire format at a fixed address, formatted once.
struct FormattedCommand {
    let bytes: UnsafeBufferPointer<CChar>

    /// Formats and never frees: a floor lives as long as the process.
    init(_ arguments: [[UInt8]]) {
        let wire = Self.wire(arguments).map { CChar(bitPattern: $0) }
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: wire.count)
        _ = copy.initialize(from: wire)
        bytes = UnsafeBufferPointer(copy)
    }

    init(_ arguments: String...) { self.init(arguments.map { Array($0.utf8) }) }

    /// The Redis protocol's form of a command: an array of bulk strings.
    static func wire(_ arguments: [[UInt8]]) -> [UInt8] {
        var wire = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            wire += Array("$\(argument.count)\r\n".utf8) + argument + Array("\r\n".utf8)
        }
        return wire
    }
}
