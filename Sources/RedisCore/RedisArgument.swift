public import FoundationEssentials

/// A value that can stand in a command as one argument.
public protocol RedisArgument: Sendable {
    /// Appends exactly one argument to the command being written.
    func write(to encoder: inout CommandEncoder)
}

extension RedisKey: RedisArgument {
    /// Appends the key and remembers that it is one.
    public func write(to encoder: inout CommandEncoder) { encoder.appendKey(name) }
}

extension String: RedisArgument {
    /// Appends the UTF-8 bytes.
    public func write(to encoder: inout CommandEncoder) { encoder.append(self) }
}

extension Int: RedisArgument {
    /// Appends the decimal digits.
    public func write(to encoder: inout CommandEncoder) { encoder.append(Int64(self)) }
}

extension Int64: RedisArgument {
    /// Appends the decimal digits.
    public func write(to encoder: inout CommandEncoder) { encoder.append(self) }
}

extension Double: RedisArgument {
    /// Appends the shortest decimal form that reads back as the same number.
    public func write(to encoder: inout CommandEncoder) { encoder.append(description) }
}

extension [UInt8]: RedisArgument {
    /// Appends the bytes; from 64 KiB on they are referenced, not copied.
    public func write(to encoder: inout CommandEncoder) { encoder.append(self) }
}

extension Data: RedisArgument {
    /// Appends the bytes; from 64 KiB on they are referenced, not copied.
    public func write(to encoder: inout CommandEncoder) { encoder.append(self) }
}
