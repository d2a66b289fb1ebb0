/// Where the next page of an index begins.
public struct IndexCursor: Sendable, Hashable {
    let text: String
    static let start = "0"
}

/// Some of the items of an index, in no particular order.
public struct IndexPage<Value: Sendable>: Sendable {
    /// One item.
    public struct Item: Sendable {
        /// Its key.
        public let key: String
        /// Its value.
        public let value: Value
    }

    /// Those that could be read.
    public let items: [Item]
    /// Keys of items that are there and are no `Value`.
    public let undecodable: [String]
    /// Where to go on; nil at the end.
    public let next: IndexCursor?
    /// Members that were taken out of the index because their items are gone.
    public let pruned: Int
}

/// Some of the keys of an index, in no particular order.
public struct IndexKeyPage: Sendable {
    /// The items' keys.
    public let keys: [String]
    /// Where to go on; nil at the end.
    public let next: IndexCursor?
    /// Members that were taken out of the index because their items are gone.
    public let pruned: Int
}
