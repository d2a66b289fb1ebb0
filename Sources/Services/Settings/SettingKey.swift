/// A key that a factory asks for: what may stand there, and what holds without it.
package struct SettingKey: Sendable, Hashable {
    /// Below `config:`, such as `remember.jitter`.
    package let path: String
    /// What may stand there, in words: `1ms to 24h`, `open or closed`.
    package let form: String
    /// As it would stand in a file; nil for none.
    package let fallback: String?
    /// Whether the service cannot be without.
    package let isNeeded: Bool

    init(_ path: String, _ form: String, fallback: String? = nil, isNeeded: Bool = false) {
        self.path = path
        self.form = form
        self.fallback = fallback
        self.isNeeded = isNeeded
    }

    func below(_ section: String) -> SettingKey {
        SettingKey("\(section).\(path)", form, fallback: fallback, isNeeded: isNeeded)
    }

    /// `remember` of `remember.jitter`; empty for a key of the service itself.
    var section: String { path.split(separator: ".").dropLast().joined(separator: ".") }

    /// `jitter` of `remember.jitter`.
    var name: String { path.split(separator: ".").last.map { String($0) } ?? path }
}

extension ServiceFactory {
    /// Every key of the type's `config:`, in the order in which it asks for them.
    ///
    /// For the test that compares them with the manual.
    package var keys: [SettingKey] {
        var settings = ServiceSettings(config: nil)
        _ = prepare(&settings)
        return settings.keys
    }
}
