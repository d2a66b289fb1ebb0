import ConfigurationFiles
import Coordination
import Yams

extension HandlerConfiguration.Dedupe {
    private static let keys = [
        "key", "mode", "window", "maxWait", "releaseOn", "lease", "onFailure", "followers",
    ]

    init?(_ node: Node, _ key: String, _ reader: inout ConfigurationReader) {
        guard let section = reader.section(node, key, known: Self.keys),
            let keyNode = HandlerConfiguration.required("key", section, &reader),
            let template = HandlerConfiguration.template(keyNode, section.path("key"), &reader)
        else { return nil }
        self.init(key: template)
        mode = reader.choice("mode", of: section) ?? mode
        readTimes(section, &reader)
        releaseOn = reader.choice("releaseOn", of: section) ?? releaseOn
        onFailure = reader.choice("onFailure", of: section) ?? onFailure
        followers = reader.choice("followers", of: section) ?? followers
        reportMisfits(section, &reader)
    }

    private mutating func readTimes(_ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader) {
        let year = Duration.seconds(31_536_000)
        if let node = section.values["window"] {
            // A quiet time below a second has its uses; a window in which nothing is run again has not.
            let least = mode == .debounce ? Duration.milliseconds(1) : .seconds(1)
            window = reader.duration(node, section.path("window"), in: least...year) ?? window
        }
        if let node = section.values["maxWait"] {
            maxWait = reader.duration(node, section.path("maxWait"), in: .milliseconds(1)...year)
            if let maxWait, maxWait < window {
                reader.report(node, section.path("maxWait"), "must not be below the window, which is the quiet time")
            }
        }
        if let node = section.values["lease"] {
            lease = reader.duration(node, section.path("lease"), in: .seconds(1) ... .seconds(3_600)) ?? lease
        }
    }

    /// What has no meaning in the mode given would be ignored: it is an error instead.
    private func reportMisfits(_ section: ConfigurationReader.Section, _ reader: inout ConfigurationReader) {
        func only(_ name: String, in modes: [Mode], _ reader: inout ConfigurationReader) {
            guard let node = section.values[name], !modes.contains(mode) else { return }
            let known = ConfigurationReader.list(modes.map(\.rawValue))
            reader.report(node, section.path(name), "has a meaning only with mode \(known)")
        }
        only("window", in: [.throttle, .debounce, .keepResult], &reader)
        only("maxWait", in: [.debounce], &reader)
        only("releaseOn", in: [.throttle], &reader)
        if onFailure == .remember { only("onFailure", in: [.throttle, .keepResult], &reader) }
        if mode == .debounce, section.values["window"] == nil {
            reader.report(section.node, section.path("window"), "is missing: the quiet time after the last event")
        }
    }
}

extension ConfigurationReader {
    /// One of an enumeration's words; nil when the key is absent, or after a report.
    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, of section: Section
    ) -> Choice? {
        guard let node = section.values[name], let text = text(node, section.path(name)) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        report(node, section.path(name), "must be one of \(Self.list(Choice.allCases.map(\.rawValue)))")
        return nil
    }
}
