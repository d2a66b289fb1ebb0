/// What is stored for one key.
struct NearEntry {
    let value: NearValue
    /// Last moment at which it may be handed out, ``Moment/nanoseconds``.
    let expires: Int64
    /// Its share of the byte limit, key and bookkeeping included.
    let cost: Int
    /// What kills it together with others: its tags and namespaces, as places in ``NearMarks``.
    let groups: [UInt16]

    /// Bytes of bookkeeping for an entry: slot, index, the value's and the key's own headers.
    static let overhead = 160
}
