public import RedisCore
import Synchronization

/// What one service is made of: it asks for connections and other services, and gives nothing back itself.
///
/// Services whose connection settings are equal, ``RedisConfiguration/prefix`` included, have the same client.
///
/// The prefix of a store or cache is none of those settings. A client is closed when the last of its services is.
public final class ServiceClients: Sendable {
    private let pool: ClientPool
    private let leased = Mutex<[RedisConfiguration]>([])
    private let uses = Mutex<[Use]>([])
    /// Services that were made before; nil once this one is made, so that it keeps none of them alive.
    private let lookup: Mutex<Lookup?>

    /// What errors call services whose names come from variables.
    private let hidden: [String: String]

    /// Gets a name and what errors call it, if not so; throws `notFound`.
    typealias Lookup = @Sendable (String, String?) throws -> ServiceRegistry.Entry

    init(_ pool: ClientPool, shown hidden: [String: String] = [:], lookup: Lookup? = nil) {
        self.pool = pool
        self.hidden = hidden
        self.lookup = Mutex(lookup)
    }

    /// Another service that was given out, known by its clients.
    struct Use {
        let name: String
        let shown: String
        let clients: ServiceClients
    }

    /// The service is made; gives back what it is made of.
    @discardableResult
    func finish() -> [Use] {
        lookup.withLock { $0 = nil }
        return uses.withLock { uses in
            defer { uses = [] }
            return uses
        }
    }

    /// The client for these settings; nothing is sent.
    public func client(_ configuration: RedisConfiguration) -> RedisClient {
        leased.withLock { $0.append(configuration) }
        return pool.lease(configuration)
    }

    /// Another service, which ``ServiceSettings/requiredService(_:)`` named.
    ///
    /// Its clients stay open until both are closed. Throws `notFound`, `wrongType`.
    public func service<Service>(_ name: String, as type: Service.Type = Service.self) throws -> Service {
        guard let lookup = lookup.withLock({ $0 }) else {
            throw ServiceError(.closed, service: name, message: "other services are given out while one is made")
        }
        let entry = try lookup(name, hidden[name])
        let service: Service = try entry.service(name, shown: hidden[name])
        // Whoever closes the other one from here on: it is not the registry's any more when this one is to be.
        uses.withLock { $0.append(Use(name: name, shown: shown(name), clients: entry.clients)) }
        for configuration in entry.clients.leased.withLock({ $0 }) { _ = client(configuration) }
        return service
    }

    /// What errors call a service: its name, or the variable that stands for it.
    func shown(_ name: String) -> String { hidden[name] ?? "'\(name)'" }

    /// Gives everything back; returns when what nobody else uses is closed.
    func release() async {
        for client in giveBack() { await client.close() }
    }

    /// The same for a service that came to nothing; what nobody else uses closes itself.
    func abandon() { _ = giveBack() }

    private func giveBack() -> [RedisClient] {
        let configurations = leased.withLock { leased in
            defer { leased = [] }
            return leased
        }
        return configurations.compactMap(pool.giveBack)
    }
}

/// Clients by their settings, each with the number of its users.
final class ClientPool: Sendable {
    private struct Entry {
        let client: RedisClient
        var users = 1
    }

    private let entries = Mutex<[RedisConfiguration: Entry]>([:])
    private let makeClient: @Sendable (RedisConfiguration) -> RedisClient

    init(_ makeClient: @escaping @Sendable (RedisConfiguration) -> RedisClient) { self.makeClient = makeClient }

    func lease(_ configuration: RedisConfiguration) -> RedisClient {
        entries.withLock { entries in
            if let known = entries[configuration] {
                entries[configuration]?.users += 1
                return known.client
            }
            let client = makeClient(configuration)
            entries[configuration] = Entry(client: client)
            return client
        }
    }

    /// The client if that was its last user, who has to close it.
    func giveBack(_ configuration: RedisConfiguration) -> RedisClient? {
        entries.withLock { entries in
            guard let entry = entries[configuration] else { return nil }
            guard entry.users == 1 else {
                entries[configuration]?.users -= 1
                return nil
            }
            entries[configuration] = nil
            return entry.client
        }
    }
}
