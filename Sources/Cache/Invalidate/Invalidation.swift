import RedisCore

/// Something that is not true any more.
enum Invalidation: Sendable {
    /// One object: its own entry unless the writer has renewed it, what was made of it, and the lists.
    case object(entity: String, id: String, keepsEntry: Bool)
    /// The lists of an entity, because there is one more.
    case lists(entity: String)
    /// Everything of an entity that carries its tag.
    case entity(String)
    /// All that the cache holds.
    case everything
}

/// By the bytes of names, as Redis tells them apart: what only looks like another one does not stand for it.
extension Invalidation: Hashable {
    private enum Exact: Hashable {
        case object(entity: ExactString, id: ExactString, keepsEntry: Bool)
        case lists(ExactString)
        case entity(ExactString)
        case everything
    }

    private var exact: Exact {
        switch self {
        case .object(let entity, let id, let keepsEntry):
            .object(entity: ExactString(entity), id: ExactString(id), keepsEntry: keepsEntry)
        case .lists(let entity): .lists(ExactString(entity))
        case .entity(let entity): .entity(ExactString(entity))
        case .everything: .everything
        }
    }

    static func == (left: Invalidation, right: Invalidation) -> Bool { left.exact == right.exact }

    func hash(into hasher: inout Hasher) { exact.hash(into: &hasher) }
}

/// Several invalidations as the least that has to be sent; pure.
struct InvalidationBatch: Sendable, Equatable {
    private(set) var keys: Set<ExactString> = []
    private(set) var tags: Set<ExactString> = []
    private(set) var clears = false

    init(_ all: some Sequence<Invalidation>) {
        for one in all { add(one) }
    }

    mutating func add(_ one: Invalidation) {
        switch one {
        case .object(let entity, let id, let keepsEntry):
            if !keepsEntry { keys.insert(ExactString(InvalidationNames.entry(entity, id))) }
            end(InvalidationNames.object(entity, id), InvalidationNames.lists(entity))
        case .lists(let entity): end(InvalidationNames.lists(entity))
        case .entity(let entity): end(InvalidationNames.entity(entity), InvalidationNames.lists(entity))
        case .everything: clears = true
        }
    }

    private mutating func end(_ names: String...) {
        for name in names { tags.insert(ExactString(name)) }
    }
}

/// How entities, their objects and lists are named: by 003's convention.
///
/// Entity, id and a list's name are one segment each, escaped as ``KeyBuilder`` does it: no id, whatever a user chose,
/// reaches into a list, another entity or another tenant. Writers, events and repositories all come here.
enum InvalidationNames {
    /// What carries this tag is of the entity.
    static func entity(_ entity: String) -> String { KeyText.segment(entity) }

    static func entry(_ entity: String, _ id: String) -> String { object(entity, id) }

    /// What carries this tag was made of the object.
    static func object(_ entity: String, _ id: String) -> String { "\(Self.entity(entity)):\(segment(id))" }

    /// What carries this tag has many of the objects in it.
    static func lists(_ entity: String) -> String { "\(Self.entity(entity)):\(listSegment)" }

    /// The entry of one list.
    static func list(_ entity: String, _ name: String) -> String { "\(lists(entity)):\(KeyText.segment(name))" }

    private static let listSegment = "list"

    /// An object may have any id, also the one that stands for lists; no other text is escaped to what that becomes.
    private static func segment(_ id: String) -> String {
        id == listSegment ? "%6Cist" : KeyText.segment(id)
    }

    /// Tags have at most 255 bytes, so names of objects have too, escaped as they are.
    static func check(_ entity: String, id: String? = nil, operation: String) throws(CacheError) {
        guard !entity.isEmpty, id != "" else {
            throw CacheError(.invalidArgument, operation: operation, message: "the entity or its id is empty")
        }
        let names = [lists(entity)] + (id.map { [object(entity, $0)] } ?? [])
        try CacheKeys.check(tags: names, operation: operation)
    }
}
