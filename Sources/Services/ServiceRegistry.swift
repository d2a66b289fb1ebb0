public import Logging
public import RedisCore
public import ServiceLifecycle
import Synchronization

/// Services by name, made from a file or by the program: stores, caches, limiters, locks and what you register.
///
/// ```swift
/// let services = ServiceRegistry()
/// services.registerAll()
/// try services.load("services.yaml")
/// let users: any KeyValueStore = try services.get("user_cache")
/// ```
///
/// Making services sends nothing: the first command connects. Services with the same connection settings share one
/// client, which is closed with the last of them. In a `ServiceGroup` list the registry before the services that use
/// what it holds: it is then shut down after them.
public final class ServiceRegistry: Sendable {
    struct Entry: Sendable {
        let type: String
        let instance: ServiceInstance
        let clients: ServiceClients

        /// Throws `wrongType`, which names both types.
        ///
        /// - Parameter shown: What the error calls it; the name when nil.
        func service<Service>(_ name: String, shown: String? = nil) throws -> Service {
            if let service = instance.value as? Service { return service }
            throw ServiceError(
                .wrongType, service: name,
                message: "\(shown ?? "the service '\(name)'") (\(type)) is of type \(Swift.type(of: instance.value)), "
                    + "not \(Service.self)")
        }
    }

    private struct State {
        var factories: [String: ServiceFactory] = [:]
        var services: [String: Entry] = [:]
        /// Names in the order in which their services were made.
        var order: [String] = []
        /// Ends of services that are forgotten already and not closed yet.
        var closing: [Int: Task<Void, Never>] = [:]
        var closings = 0
        /// Ends all services, once; nothing is made any more.
        var ending: Task<Void, Never>?

        mutating func remove(_ name: String) -> Entry? {
            order.removeAll { $0 == name }
            return services.removeValue(forKey: name)
        }
    }

    private let state = Mutex(State())
    private let pool: ClientPool

    /// An empty registry that knows no type.
    ///
    /// - Parameters:
    ///   - eventLoop: The loop of the clients it makes.
    ///   - logger: Where they log.
    public init(eventLoop: EventLoop = .shared, logger: Logger? = nil) {
        pool = ClientPool { RedisClient($0, eventLoop: eventLoop, logger: logger) }
    }

    // MARK: Types

    /// Makes a type known.
    ///
    /// Throws `duplicate` when it is known already.
    public func register(_ factory: ServiceFactory) throws {
        try state.withLock { state in
            guard state.factories[factory.type] == nil else {
                throw ServiceError(.duplicate, message: "the service type '\(factory.type)' is registered already")
            }
            state.factories[factory.type] = factory
        }
    }

    /// Makes the types of ``ServiceFactory/core`` known, but for those that are; a type of your own stays.
    public func registerCore() { registerMissing(ServiceFactory.core) }

    /// Makes every type of this package known, but for those that are; a type of your own stays.
    public func registerAll() { registerMissing(ServiceFactory.all) }

    private func registerMissing(_ factories: [ServiceFactory]) {
        state.withLock { state in
            for factory in factories where state.factories[factory.type] == nil {
                state.factories[factory.type] = factory
            }
        }
    }

    /// The types that are known, sorted.
    public var types: [String] { state.withLock { $0.factories.keys.sorted() } }

    func factory(_ type: String) -> ServiceFactory? { state.withLock { $0.factories[type] } }

    // MARK: Services

    /// The names of all services, in the order in which they were made.
    public var names: [String] { state.withLock(\.order) }

    /// The service of a name.
    ///
    /// Throws `notFound`, which lists the names there are, and `wrongType`, which names both types.
    public func get<Service>(_ name: String, as type: Service.Type = Service.self) throws -> Service {
        try entry(name).service(name)
    }

    /// - Parameter shown: What the error calls it, if not by its name, and then without names that are like it.
    func entry(_ name: String, shown: String? = nil) throws -> Entry {
        let (entry, names) = state.withLock { ($0.services[name], $0.order) }
        if let entry { return entry }
        throw ServiceError(.notFound, service: name, message: Self.missing(name, shown: shown, among: names))
    }

    /// Takes in a service that you made yourself, such as a store in memory for a test.
    ///
    /// Throws `duplicate`, `closed`.
    public func add<Service: Sendable>(
        _ name: String, _ service: Service, close: @escaping @Sendable (Service) async -> Void = { _ in }
    ) throws {
        let instance = ServiceInstance(value: service) { await close(service) }
        try insert([(name, Entry(type: "added", instance: instance, clients: ServiceClients(pool)), [])])
    }

    /// That there is no such service, and what was probably meant by a name that may be told.
    static func missing(_ name: String, shown: String?, among names: [String]) -> String {
        let known = names.isEmpty ? "none was made" : "there are \(names.joined(separator: ", "))"
        // Names that are like it would tell what the variable stands for.
        if let shown { return "\(shown) is no service: \(known)" }
        let near = SettingHint.nearest(to: name, among: names).map { " (did you mean '\($0)'?)" } ?? ""
        return "there is no service '\(name)'\(near): \(known)"
    }

    func isTaken(_ name: String) -> Bool { state.withLock { $0.services[name] != nil } }

    /// - Parameters:
    ///   - plan: What they are for.
    ///   - made: Services of the same file that were made before.
    func newClients(for plan: ServicePlan, after made: [String: Entry]) -> ServiceClients {
        // Of two places that name the same service, the one that may not be told goes first.
        let hidden = plan.references.filter(\.isFromVariable).map { ($0.name, $0.shown) }
        return ServiceClients(pool, shown: Dictionary(hidden) { first, _ in first }) { [self] name, shown in
            try made[name] ?? entry(name, shown: shown)
        }
    }

    /// A service that nobody can get yet, and the others that it is made of.
    typealias Made = (name: String, entry: Entry, uses: [ServiceClients.Use])

    /// All of them or none; none also if one of the others was closed while they were made.
    func insert(_ entries: [Made]) throws {
        try state.withLock { state in
            guard state.ending == nil else {
                throw ServiceError(.closed, message: "the registry was shut down; make a new one")
            }
            try Self.checkUses(entries, state.services)
            if let taken = entries.first(where: { state.services[$0.name] != nil }) {
                throw ServiceError(
                    .duplicate, service: taken.name, message: "there is a service '\(taken.name)' already")
            }
            for (name, entry, _) in entries {
                state.services[name] = entry
                state.order.append(name)
            }
        }
    }

    private static func checkUses(_ entries: [Made], _ services: [String: Entry]) throws {
        for (name, _, uses) in entries {
            let missing = uses.first { use in
                services[use.name]?.clients !== use.clients && !entries.contains { $0.entry.clients === use.clients }
            }
            guard let missing else { continue }
            throw ServiceError(
                .notFound, service: name, message: "'\(name)' is made of \(missing.shown), which was closed meanwhile")
        }
    }

    /// Forgets a service that nobody has got yet.
    func discard(_ name: String) { state.withLock { $0.remove(name) }?.clients.abandon() }

    // MARK: The end

    /// Ends one service and forgets it; false when there is none.
    ///
    /// A client that other services use stays open. What has begun is finished also when the caller is cancelled.
    @discardableResult
    public func close(_ name: String) async -> Bool {
        guard let closing = state.withLock({ startClosing(name, &$0) }) else { return false }
        await closing.value
        return true
    }

    /// Forgets a service and begins to end it, so that ``shutDown()`` knows of it all the time.
    private func startClosing(_ name: String, _ state: inout State) -> Task<Void, Never>? {
        guard let entry = state.remove(name) else { return nil }
        state.closings += 1
        let number = state.closings
        let closing = Task { [self] in
            await entry.instance.close()
            await entry.clients.release()
            self.state.withLock { $0.closing[number] = nil }
        }
        state.closing[number] = closing
        return closing
    }

    /// Ends all services, the latest first, and closes all clients; a registry makes nothing afterwards.
    ///
    /// Safe to call twice: each call returns when all is closed, also what ``close(_:)`` began to close. What closes a
    /// service must not wait for it.
    public func shutDown() async {
        let ending = state.withLock { state in
            let ending = state.ending ?? Task { [self] in await closeAll() }
            state.ending = ending
            return ending
        }
        await ending.value
    }

    private func closeAll() async {
        while let next = state.withLock({ nextClosing(&$0) }) { await next.value }
    }

    /// What is closing already goes first: it may use what would be closed next.
    private func nextClosing(_ state: inout State) -> Task<Void, Never>? {
        state.closing.values.first ?? state.order.last.flatMap { startClosing($0, &state) }
    }
}

extension ServiceRegistry: Service {
    /// Returns after a graceful shutdown, or when cancelled, with everything closed.
    public func run() async throws {
        try? await gracefulShutdown()
        await shutDown()
    }
}
