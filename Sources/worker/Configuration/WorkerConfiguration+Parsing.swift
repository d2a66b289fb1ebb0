import ConfigurationFiles
import Coordination
import Yams

extension WorkerConfiguration {
    /// Reads a configuration; throws every problem at once, each with its line, column and key.
    init(yaml: String, file: String, environment: [String: String]) throws(InvalidConfiguration) {
        let root = try YAMLText.compose(yaml, file: file, needs: "handlers:")
        var reader = ConfigurationReader(environment: environment)
        self.init()
        if let section = reader.section(root, "", known: ["redis", "worker", "handlers"]) {
            if let node = section.values["redis"] { readRedis(node, &reader) }
            if let node = section.values["worker"] { worker = Settings(node, &reader) }
            readHandlers(section, &reader)
        }
        let problems = reader.problems
        guard problems.isEmpty else { throw InvalidConfiguration(file: file, problems: problems) }
    }

    private mutating func readRedis(_ node: Node, _ reader: inout ConfigurationReader) {
        guard let section = reader.section(node, "redis", known: ["url", "checks"]) else { return }
        checks = reader.choice("checks", of: section) ?? checks
        guard let url = section.values["url"], url.null == nil else { return }
        redisURL = reader.text(url, section.path("url"), allowEmpty: true)
    }

    private mutating func readHandlers(
        _ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader
    ) {
        guard let node = section.values["handlers"] else {
            reader.report(section.node, "handlers", "is missing: a worker needs at least one handler")
            return
        }
        guard let elements = reader.elements(node, "handlers") else { return }
        if elements.isEmpty { reader.report(node, "handlers", "is empty: a worker needs at least one handler") }
        var names: Set<String> = []
        for (node, key) in elements {
            guard let handler = HandlerConfiguration(node, key, &reader) else { continue }
            if !names.insert(handler.name).inserted {
                reader.report(node, "\(key).name", "is used twice: '\(handler.name)'")
            }
            handlers.append(handler)
        }
    }
}

extension WorkerConfiguration.Settings {
    init(_ node: Node, _ reader: inout ConfigurationReader) {
        self.init()
        let known = ["name", "concurrency", "drainTimeout", "stateDirectory", "queue", "http"]
        guard let section = reader.section(node, "worker", known: known) else { return }
        if let node = section.values["name"] { name = reader.text(node, section.path("name")) ?? name }
        if let node = section.values["concurrency"] {
            concurrency = reader.integer(node, section.path("concurrency"), in: 1...10_000) ?? concurrency
        }
        if let node = section.values["drainTimeout"] {
            let bounds = Duration.zero ... .seconds(86_400)
            drainTimeout = reader.duration(node, section.path("drainTimeout"), in: bounds) ?? drainTimeout
        }
        if let node = section.values["stateDirectory"] {
            stateDirectory = reader.text(node, section.path("stateDirectory"))
        }
        if let node = section.values["queue"] {
            queue = reader.integer(node, section.path("queue"), in: 1...1_000_000) ?? queue
        }
        if let node = section.values["http"] {
            reader.report(node, section.path("http"), "is not available in this version; remove it")
        }
    }
}
