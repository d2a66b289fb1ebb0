/// A channel or a pattern, compared by its bytes.
struct SubscribedName: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case channel
        case pattern
    }

    let kind: Kind
    private let exactName: ExactString

    var name: String { exactName.text }

    init(_ kind: Kind, _ name: String) {
        self.kind = kind
        exactName = ExactString(name)
    }
}
