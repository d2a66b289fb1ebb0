/// Something that is not true any more.
enum Invalidation: Sendable, Hashable {
    /// One object: its own entry unless the writer has renewed it, what was made of it, and the lists.
    case object(entity: String, id: String, keepsEntry: Bool)
    /// The lists of an entity, because there is one more.
    case lists(entity: String)
    /// Everything of an entity that carries its tag.
    case entity(String)
    /// All that the cache holds.
    case everything
}

/// Several invalidations as the least that has to be sent; pure.
struct InvalidationBatch: Sendable, Equatable {
    private(set) var keys: Set<String> = []
    private(set) var tags: Set<String> = []
    private(set) var clears = false

    init(_ all: some Sequence<Invalidation>) {
        for one in all { add(one) }
    }

    mutating func add(_ one: Invalidation) {
        switch one {
        case .object(let entity, let id, let keepsEntry):
            if !keepsEntry { keys.insert(InvalidationNames.entry(entity, id)) }
            tags.formUnion([InvalidationNames.object(entity, id), InvalidationNames.lists(entity)])
        case .lists(let entity): tags.insert(InvalidationNames.lists(entity))
        case .entity(let entity): tags.formUnion([entity, InvalidationNames.lists(entity)])
        case .everything: clears = true
        }
    }
}

/// How entities, their objects and lists are named: by 003's convention.
enum InvalidationNames {
    static func entry(_ entity: String, _ id: String) -> String { "\(entity):\(id)" }
    /// What carries this tag was made of the object.
    static func object(_ entity: String, _ id: String) -> String { "\(entity):\(id)" }
    static func lists(_ entity: String) -> String { "\(entity):list" }

    /// Tags have at most 255 bytes, so names of objects have too.
    static func check(_ entity: String, id: String? = nil, operation: String) throws(CacheError) {
        guard !entity.isEmpty, id != "" else {
            throw CacheError(.invalidArgument, operation: operation, message: "the entity or its id is empty")
        }
        try CacheKeys.check(tags: [object(entity, id ?? "list"), lists(entity)], operation: operation)
    }
}
