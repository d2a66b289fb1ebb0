/// What the messages of other near caches mean: a gap in a sender's numbers is a change that was not heard of.
///
/// Pure.
struct BackplaneInbox: Sendable {
    enum Action: Equatable {
        case none
        case drop(NearMessage.Change)
    }

    /// Senders whose last number is known; more would be more processes than any deployment has at once.
    static let mostSenders = 4_096

    let own: UInt64
    private var numbers: [UInt64: UInt64] = [:]

    init(own: UInt64) { self.own = own }

    mutating func received(_ payload: [UInt8]) -> Action {
        // What cannot be read may have been anything.
        guard let message = NearMessage(payload) else { return .drop(.all) }
        guard message.sender != own else { return .none }
        let last = numbers[message.sender]
        if last == nil, numbers.count >= Self.mostSenders { numbers = [:] }
        numbers[message.sender] = max(last ?? 0, message.number)
        // Of a sender that is new to us nothing was missed: we listen since before its first message that we heard.
        // Numbers begin with 1; one less cannot overflow, whatever a stranger publishes.
        if let last, message.number - 1 > last { return .drop(.all) }
        return .drop(message.change)
    }

    /// Something may have been missed: numbers begin anew, and so does everything kept.
    mutating func forget() { numbers = [:] }
}
