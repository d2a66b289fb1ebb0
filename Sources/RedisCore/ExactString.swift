/// A string compared by its bytes, as Redis compares keys and channels.
///
/// Swift compares strings by canonical equivalence: `é` in one scalar equals `é` in two, but they are two keys.
struct ExactString: Sendable, Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ExactString, right: ExactString) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        let wasContiguous: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if wasContiguous == nil {
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}
