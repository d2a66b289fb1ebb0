extension UInt64 {
    /// Lends the decimal digits in memory of the stack's own: 1 to 20, made from the last to the first.
    @inline(__always)
    func withDecimalDigits(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = self
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            body(UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }
}
