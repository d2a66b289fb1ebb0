import ConfigurationFiles
import Logging
import Yams

extension HandlerConfiguration {
    private static let actions = ["run", "publish", "log"]
    private static let keys =
        ["name", "on"] + actions + ["timeout", "dedupe", "lock", "rateLimit", "concurrency", "environment"]

    /// nil when the entry has a problem that leaves nothing to run; the reader has it.
    init?(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) {
        guard let section = reader.section(node, key, known: Self.keys) else { return nil }
        let name = Self.required("name", section, &reader).flatMap { reader.text($0, section.path("name")) }
        let trigger = Self.required("on", section, &reader).flatMap { Trigger($0, section.path("on"), &reader) }
        let action = Self.action(section, &reader)
        let timeout = section.values["timeout"].flatMap {
            reader.duration($0, section.path("timeout"), in: .milliseconds(1) ... .seconds(604_800))
        }
        let dedupe = section.values["dedupe"].flatMap { Dedupe($0, section.path("dedupe"), &reader) }
        let lock = section.values["lock"].flatMap { Lock($0, section.path("lock"), &reader) }
        let rateLimit = section.values["rateLimit"].flatMap { Limit($0, section.path("rateLimit"), &reader) }
        let concurrency = section.values["concurrency"].flatMap {
            reader.integer($0, section.path("concurrency"), in: 1...10_000)
        }
        let environment = section.values["environment"].map {
            Self.environment($0, section.path("environment"), &reader)
        }
        if let node = section.values["environment"], section.values["run"] == nil {
            reader.report(node, section.path("environment"), "has a meaning only with 'run'")
        }
        guard let name, let trigger, let action else { return nil }
        self.init(name: name, source: trigger.source, types: trigger.types, action: action)
        if let timeout { self.timeout = timeout }
        if let environment { self.environment = environment }
        self.dedupe = dedupe
        self.lock = lock
        self.rateLimit = rateLimit
        self.concurrency = concurrency
    }

    static func required(
        _ name: String, _ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader
    ) -> Node? {
        if let node = section.values[name] { return node }
        reader.report(section.node, section.path(name), "is missing")
        return nil
    }

    static func template(
        _ node: Node, _ key: String, _ reader: inout ConfigurationReader, escaping: EventTemplate.Escaping = .none,
        allowEmpty: Bool = false
    ) -> EventTemplate? {
        guard let text = reader.text(node, key, allowEmpty: allowEmpty) else { return nil }
        do throws(TemplateProblem) {
            return try EventTemplate(text, escaping: escaping)
        } catch {
            reader.report(node, key, error.message)
            return nil
        }
    }

    private static func environment(
        _ node: Node, _ key: String, _ reader: inout ConfigurationReader
    ) -> [String: EventTemplate] {
        guard let mapping = node.mapping else {
            reader.report(node, key, "must be a mapping from names to text, not \(ConfigurationReader.kind(of: node))")
            return [:]
        }
        var result: [String: EventTemplate] = [:]
        for (nameNode, value) in mapping {
            guard let name = nameNode.scalar?.string, Interpolation.isVariableName(name) else {
                reader.report(nameNode, key, "a variable's name is letters, digits and '_', not starting with a digit")
                continue
            }
            guard !name.hasPrefix("SIGNALBOX_") else {
                reader.report(nameNode, "\(key).\(name)", "names starting with SIGNALBOX_ are set by the worker")
                continue
            }
            result[name] = template(value, "\(key).\(name)", &reader, allowEmpty: true)
        }
        return result
    }
}

// MARK: - Actions

extension HandlerConfiguration {
    private static func action(
        _ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader
    ) -> Action? {
        let given = actions.filter { section.values[$0] != nil }
        guard let name = given.first, given.count == 1, let node = section.values[name] else {
            let what = given.isEmpty ? "none is given" : "here are \(given.joined(separator: " and "))"
            reader.report(section.node, section.key, "needs exactly one of run, publish, log; \(what)")
            return nil
        }
        let key = section.path(name)
        return switch name {
        case "run": program(node, key, &reader)
        case "publish": publish(node, key, &reader)
        default: log(node, key, &reader)
        }
    }

    private static func program(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) -> Action? {
        guard let elements = reader.elements(node, key) else { return nil }
        let words = elements.map { reader.text($0.node, $0.key, allowEmpty: $0.key != "\(key)[0]") }
        guard !words.isEmpty else {
            reader.report(node, key, "is empty: it needs a program, and its arguments if any")
            return nil
        }
        for (element, word) in zip(elements, words) where word?.utf8.contains(0) == true {
            reader.report(element.node, element.key, "contains a NUL character")
        }
        let complete = words.compactMap(\.self)
        return complete.count == words.count ? .run(complete) : nil
    }

    private static func publish(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) -> Action? {
        guard node.scalar == nil else {
            return template(node, key, &reader).map { .publish(channel: $0, type: nil, payload: nil) }
        }
        guard let section = reader.section(node, key, known: ["channel", "type", "payload"]) else { return nil }
        let channel = required("channel", section, &reader).flatMap {
            template($0, section.path("channel"), &reader)
        }
        let type = section.values["type"].flatMap { template($0, section.path("type"), &reader) }
        let payload = section.values["payload"].flatMap {
            template($0, section.path("payload"), &reader, escaping: .json)
        }
        return channel.map { .publish(channel: $0, type: type, payload: payload) }
    }

    private static func log(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) -> Action? {
        guard node.scalar == nil else {
            return template(node, key, &reader).map { .log(message: $0, level: "info") }
        }
        guard let section = reader.section(node, key, known: ["message", "level"]) else { return nil }
        let message = required("message", section, &reader).flatMap {
            template($0, section.path("message"), &reader)
        }
        var level = "info"
        if let node = section.values["level"], let text = reader.text(node, section.path("level")) {
            level = text
            if Logger.Level(rawValue: text) == nil {
                let known = ConfigurationReader.list(Logger.Level.allCases.map(\.rawValue))
                reader.report(node, section.path("level"), "must be one of \(known)")
            }
        }
        return message.map { .log(message: $0, level: level) }
    }
}

// MARK: - Lock

extension HandlerConfiguration.Lock {
    /// A name, or a mapping with `name`, `ttl` and `wait`.
    init?(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) {
        guard node.scalar == nil else {
            guard let name = HandlerConfiguration.template(node, key, &reader) else { return nil }
            self.init(name: name)
            return
        }
        guard let section = reader.section(node, key, known: ["name", "ttl", "wait"]),
            let nameNode = HandlerConfiguration.required("name", section, &reader),
            let name = HandlerConfiguration.template(nameNode, section.path("name"), &reader)
        else { return nil }
        self.init(name: name)
        if let node = section.values["ttl"] {
            ttl = reader.duration(node, section.path("ttl"), in: .seconds(1) ... .seconds(3_600)) ?? ttl
        }
        if let node = section.values["wait"] {
            wait = reader.duration(node, section.path("wait"), in: .zero ... .seconds(86_400)) ?? wait
        }
    }
}
