/// How services of one type are made from their settings.
///
/// ```swift
/// let greeter = ServiceFactory("greeter") { settings in
///     settings.text("greeting", default: "Hello")
/// } make: { greeting, _ in
///     Greeter(greeting)
/// }
/// try registry.register(greeter)
/// ```
///
/// Reading and making are apart so that a file is used as a whole or not at all.
public struct ServiceFactory: Sendable {
    /// What stands under `type:` in a file.
    public let type: String
    let prepare: @Sendable (inout ServiceSettings) -> Maker

    typealias Maker = @Sendable (ServiceClients) throws -> ServiceInstance

    /// A factory.
    ///
    /// - Parameters:
    ///   - type: What stands under `type:` in a file.
    ///   - read: Turns settings into values, and does nothing else.
    ///   - make: Makes the service, and starts nothing: when a later service of the same file fails, this one is
    ///     dropped. What it throws ends the loading.
    ///   - close: Ends the service. Clients that it got from ``ServiceClients`` are not its business.
    public init<Settings: Sendable, Service: Sendable>(
        _ type: String, read: @escaping @Sendable (inout ServiceSettings) -> Settings,
        make: @escaping @Sendable (Settings, ServiceClients) throws -> Service,
        close: @escaping @Sendable (Service) async -> Void = { _ in }
    ) {
        self.type = type
        prepare = { settings in
            let settings = read(&settings)
            return { clients in
                let service = try make(settings, clients)
                return ServiceInstance(value: service) { await close(service) }
            }
        }
    }
}

extension ServiceFactory {
    /// The same under another name.
    public func named(_ type: String) -> ServiceFactory { ServiceFactory(type: type, prepare: prepare) }

    private init(type: String, prepare: @escaping @Sendable (inout ServiceSettings) -> Maker) {
        self.type = type
        self.prepare = prepare
    }
}

/// A service and how it ends.
struct ServiceInstance: Sendable {
    let value: any Sendable
    let close: @Sendable () async -> Void
}
