/// A command with large arguments on its way into the socket, piece by piece.
struct PayloadStream {
    private let bytes: [UInt8]
    private let payloads: [CommandEncoder.Payload]
    private var index = 0
    private var offset = 0

    /// Small enough that a short write moves little, large enough that calls do not matter.
    private static let piece = 256 * 1024

    init(_ bytes: [UInt8], _ payloads: [CommandEncoder.Payload]) {
        self.bytes = bytes
        self.payloads = payloads
    }

    /// Hands out the next piece; false at the end.
    mutating func feed(_ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard index < payloads.count else { return false }
        let content = payloads[index].content
        if offset < content.byteCount {
            content.withPiece(from: offset, limit: Self.piece, send)
            offset += Self.piece
            return true
        }
        // The bytes between this payload and the next, or to the command's end.
        let start = payloads[index].offset
        index += 1
        offset = 0
        let end = index < payloads.count ? payloads[index].offset : bytes.count
        bytes.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
        return true
    }
}
