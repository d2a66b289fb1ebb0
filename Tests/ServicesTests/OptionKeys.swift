import Services
import Testing

/// The keys of a type, to be compared with the fields of the options that they set.
struct OptionKeys {
    private let known: Set<String>
    private let names: [String: String]

    /// - Parameter names: Fields whose keys have another name, beside those that all types have.
    init(_ factory: ServiceFactory, names: [String: String] = [:]) {
        known = Set(factory.keys.map(\.path))
        self.names = names.merging(["failure": "on_failure"]) { first, _ in first }
    }

    /// Expects each field of `made` to have a key, and another value than `usual` has.
    ///
    /// - Parameter exceptions: Fields that the type does not have.
    func expectAllSet<Options>(
        _ made: Options, otherThan usual: Options, in section: String = "", but exceptions: Set<String> = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let (found, defaults) = (Self.parts(made), Self.parts(usual))
        #expect(!found.isEmpty, sourceLocation: sourceLocation)
        for (field, value) in found where !exceptions.contains(field) {
            let name = names[field] ?? Self.snakeCase(field)
            let key = section.isEmpty ? name : "\(section).\(name)"
            #expect(
                known.contains(key), "no file can set \(Options.self).\(field): there is no key '\(key)'",
                sourceLocation: sourceLocation)
            #expect(
                value != defaults[field], "the test does not set \(Options.self).\(field), or '\(key)' is not applied",
                sourceLocation: sourceLocation)
        }
    }

    /// What a value holds, as text by the names of its fields.
    static func parts(_ value: Any) -> [String: String] {
        let children = Mirror(reflecting: value).children.compactMap { child in
            child.label.map { ($0, "\(child.value)") }
        }
        return Dictionary(children) { first, _ in first }
    }

    /// `default_ttl` of `defaultTTL`.
    static func snakeCase(_ name: String) -> String {
        var text = ""
        var wasLower = false
        for character in name {
            if character.isUppercase, wasLower { text += "_" }
            wasLower = !character.isUppercase
            text += character.lowercased()
        }
        return text
    }
}
