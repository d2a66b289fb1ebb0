/// MGET of many keys that begin alike, encoded once and in its whole length by whoever asks.
struct NamedValuesCommand: SingleCommandSource {
    private let wire: [UInt8]

    /// The keys are `prefix` and each of `names`, then `others`.
    init(prefix: String, names: [String], others: [RedisKey]) {
        var prefix = prefix
        wire = prefix.withUTF8 { prefix in
            // A header of 24 bytes has room for any length.
            let size = names.reduce(40) { $0 + $1.utf8.count + prefix.count + 24 }
            return [UInt8](unsafeUninitializedCapacity: others.reduce(size) { $0 + $1.name.utf8.count + 24 }) {
                buffer, count in
                guard let start = buffer.baseAddress else { return }
                var writer = WireWriter(UnsafeMutableRawPointer(start))
                writer.writeArrayHead(ofAnyCount: names.count + others.count + 1)
                writer.write("$4\r\nMGET\r\n")
                for name in names { writer.writeBulk(prefix, name) }
                for key in others { writer.writeBulk(UnsafeBufferPointer(start: nil, count: 0), key.name) }
                count = writer.bytes.count
            }
        }
    }

    func encode(into encoder: inout CommandEncoder) { wire.withUnsafeBytes { encoder.appendEncoded($0) } }

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        wire.withUnsafeBytes(send)
    }
}
