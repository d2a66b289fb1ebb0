import ConfigurationFiles
import FoundationEssentials
import Yams

extension ServiceRegistry {
    /// Makes the services of a YAML or JSON file: all of them, or none.
    ///
    /// - Parameter environment: Where `${NAME}` comes from; this process' own when nil.
    /// - Throws: `configuration` with every problem, each as `file:line:column: key: what is wrong`; `notFound` when a
    ///   service that one of them uses was closed meanwhile; `closed`.
    public func load(_ path: String, environment: [String: String]? = nil) throws {
        let text: String
        do {
            text = try ConfigurationFile.read(path)
        } catch {
            throw ServiceError(.configuration, message: "\(path) cannot be read: \(error)")
        }
        try load(yaml: text, file: path, environment: environment)
    }

    /// Makes the services of a YAML or JSON text: all of them, or none.
    ///
    /// ```yaml
    /// services:
    ///   user_cache:
    ///     type: kvstore_redis
    ///     config: { addr: "${REDIS_ADDR:localhost:6379}", db: 0, prefix: users }
    /// ```
    ///
    /// - Parameter file: What errors call the text. As ``load(_:environment:)`` otherwise.
    public func load(yaml: String, file: String = "services.yaml", environment: [String: String]? = nil) throws {
        let environment = environment ?? ProcessInfo.processInfo.environment
        let root: Node
        do {
            root = try YAMLText.compose(yaml, file: file, needs: "services:")
        } catch {
            throw ServiceError(error)
        }
        var reader = ConfigurationReader(environment: environment)
        guard let services = services(root, &reader) else {
            throw ServiceError(InvalidConfiguration(file: file, problems: reader.problems))
        }
        let entries = reader.entries(services, "services", of: "a mapping of names to services") ?? []
        var problems = reader.problems
        let plans = entries.compactMap { plan($0, environment: environment, &problems) }
        try make(plans, file: file, problems)
    }

    private func services(_ root: Node, _ reader: inout ConfigurationReader) -> Node? {
        guard let entries = reader.entries(root, "", of: "a mapping with services") else { return nil }
        for entry in entries where entry.name != "services" {
            reader.reportUnknown(entry, of: "", known: ["services"], hint: "services stand below 'services:', indented")
        }
        if let services = entries.first(where: { $0.name == "services" }) { return services.value }
        if reader.problems.isEmpty { reader.report(root, "services", "is missing") }
        return nil
    }

    /// Makes one service; what stands under `config:` in a file is given as a literal.
    ///
    /// Throws `configuration`, `duplicate`, `notFound` when a service that it uses was closed meanwhile, `wrongType`
    /// (and then the service is not kept), `closed`.
    @discardableResult
    public func create<Service>(
        _ name: String, type: String, config: ServiceValue = [:], as wanted: Service.Type = (any Sendable).self
    ) throws -> Service {
        guard !isTaken(name) else {
            throw ServiceError(.duplicate, service: name, message: "there is a service '\(name)' already")
        }
        var problems: [ConfigurationProblem] = []
        let body = ServiceValue.map(["type": .text(type), "config": config]).node
        let key = Node(name, Tag(.str), .doubleQuoted)
        let entry = ConfigurationReader.Entry(name: name, keyNode: key, value: body)
        let plan = plan(entry, environment: nil, &problems)
        try make(plan.map { [$0] } ?? [], file: "create", problems)
        do {
            return try get(name, as: wanted)
        } catch {
            discard(name)
            throw error
        }
    }
}

// MARK: - From settings to services

extension ServiceRegistry {
    private func plan(
        _ entry: ConfigurationReader.Entry, environment: [String: String]?, _ problems: inout [ConfigurationProblem]
    ) -> ServicePlan? {
        let path = "services.\(entry.name)"
        var reader = ConfigurationReader(environment: environment)
        defer { problems += reader.problems }
        if entry.name.isEmpty { reader.report(entry.keyNode, path, "has no name") }
        if isTaken(entry.name) { reader.report(entry.keyNode, path, "there is a service '\(entry.name)' already") }
        guard let body = body(entry, path, &reader) else { return nil }
        guard let typeNode = body["type"] else {
            reader.report(entry.value, "\(path).type", "is missing; known types: \(knownTypes)")
            return nil
        }
        guard let type = reader.text(typeNode, "\(path).type") else { return nil }
        guard let factory = factory(type) else {
            // A type that is like it would tell what a variable stands for.
            let like = reader.isFromVariable(typeNode) ? nil : SettingHint.nearest(to: type, among: types)
            let near = like.map { " (did you mean '\($0)'?)" } ?? ""
            reader.report(
                typeNode, "\(path).type",
                "\(reader.shown(type, typeNode)) is not a known type\(near); known types: \(knownTypes)")
            return nil
        }
        var settings = ServiceSettings(
            service: entry.name, path: "\(path).config", place: entry.keyNode, config: body["config"],
            reader: ConfigurationReader(environment: environment))
        let maker = factory.prepare(&settings)
        problems += settings.finish()
        return ServicePlan(
            name: entry.name, type: type, place: entry.keyNode, maker: maker, references: settings.references)
    }

    /// `type` and `config`; whoever writes a setting beside them is told where it belongs.
    private func body(
        _ entry: ConfigurationReader.Entry, _ path: String, _ reader: inout ConfigurationReader
    ) -> [String: Node]? {
        let known = ["type", "config"]
        let isPart = known.contains(entry.name)
        let form = "a mapping with type, config\(isPart ? " (indent it below its service's name)" : "")"
        guard let entries = reader.entries(entry.value, path, of: form) else { return nil }
        var body: [String: Node] = [:]
        for part in entries {
            guard !known.contains(part.name) else {
                body[part.name] = part.value
                continue
            }
            let near = SettingHint.nearest(to: part.name, among: known).map { "did you mean '\($0)'?" }
            reader.reportUnknown(
                part, of: path, known: known, hint: near ?? "settings belong under 'config', indented")
        }
        return body
    }

    private var knownTypes: String {
        let types = types
        return types.isEmpty ? "none (call registerAll())" : types.joined(separator: ", ")
    }

    private func make(_ plans: [ServicePlan], file: String, _ found: [ConfigurationProblem]) throws {
        let order = ServicePlan.ordered(plans, known: names)
        // Who could not be planned is no problem of those that name it.
        let problems = found.isEmpty ? order.problems : found
        func inOrder(_ one: ConfigurationProblem, _ other: ConfigurationProblem) -> Bool {
            (one.line ?? 0, one.column ?? 0, one.key) < (other.line ?? 0, other.column ?? 0, other.key)
        }
        guard problems.isEmpty else {
            throw ServiceError(InvalidConfiguration(file: file, problems: problems.sorted(by: inOrder)))
        }
        var made: [Made] = []
        do {
            for plan in order.plans {
                let before = Dictionary(made.map { ($0.name, $0.entry) }) { first, _ in first }
                made.append(try make(plan, after: before, file: file))
            }
            try insert(made)
        } catch {
            // Nothing was sent by any of them.
            for service in made { service.entry.clients.abandon() }
            throw error
        }
    }

    private func make(_ plan: ServicePlan, after made: [String: Entry], file: String) throws -> Made {
        let clients = newClients(for: plan, after: made)
        defer { clients.finish() }
        do {
            let entry = Entry(type: plan.type, instance: try plan.maker(clients), clients: clients)
            return (plan.name, entry, clients.finish())
        } catch {
            clients.abandon()
            let mark = plan.place.mark
            let reason = (error as? ServiceError)?.message ?? "\(error)"
            let problem = ConfigurationProblem(
                line: mark?.line, column: mark?.column, key: "services.\(plan.name)",
                message: "cannot be made: \(reason)")
            throw ServiceError(InvalidConfiguration(file: file, problems: [problem]), service: plan.name)
        }
    }
}
