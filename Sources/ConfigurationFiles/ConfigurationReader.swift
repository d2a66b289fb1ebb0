import RedisCore
package import Yams

/// Reads typed values out of YAML nodes and collects every problem it meets, each with its position.
///
/// Reading goes on after a problem (with nil or a default in the value's place), so that one run reports them all.
/// The caller must not use what was read when ``problems`` is not empty.
package struct ConfigurationReader {
    /// Where variables come from; nil for values of a program, whose `${` is text.
    package let environment: [String: String]?
    package private(set) var problems: [ConfigurationProblem] = []

    package init(environment: [String: String]?) { self.environment = environment }

    package mutating func report(_ node: Node?, _ key: String, _ message: String) {
        let mark = node?.mark
        problems.append(.init(line: mark?.line, column: mark?.column, key: key, message: message))
    }

    /// A mapping's values by key; every key that is not in `known` is a problem.
    package mutating func section(_ node: Node, _ key: String, known: [String]) -> Section? {
        guard let entries = entries(node, key, of: "a mapping with \(Self.list(known))") else { return nil }
        var section = Section(node: node, key: key)
        for entry in entries {
            guard known.contains(entry.name) else {
                reportUnknown(entry, of: key, known: known)
                continue
            }
            section.values[entry.name] = entry.value
        }
        return section
    }

    /// A key of a mapping, with its own place, and its value.
    package struct Entry {
        package let name: String
        package let keyNode: Node
        package let value: Node

        package init(name: String, keyNode: Node, value: Node) {
            self.name = name
            self.keyNode = keyNode
            self.value = value
        }
    }

    /// A mapping's entries in their order, whatever their keys; `<<: *name` merges those of another mapping.
    package mutating func entries(_ node: Node, _ key: String, of what: String) -> [Entry]? {
        guard let mapping = node.mapping else {
            report(node, key, "must be \(what), not \(Self.kind(of: node))")
            return nil
        }
        var entries: [Entry] = []
        var merged: [Entry] = []
        for (keyNode, value) in mapping {
            if let name = keyNode.scalar?.string, name == "<<" {
                // What is merged may itself merge; aliases are few.
                for source in value.sequence.map(Array.init) ?? [value] {
                    merged += self.entries(source, key, of: "a mapping to be merged") ?? []
                }
            } else if let name = keyNode.scalar?.string {
                entries.append(Entry(name: name, keyNode: keyNode, value: value))
            } else {
                report(keyNode, key, "has a key that is not plain text")
            }
        }
        // The mapping's own keys go first, then the sources in their order.
        var names = Set(entries.map(\.name))
        for entry in merged where names.insert(entry.name).inserted { entries.append(entry) }
        return entries
    }

    /// Takes in what another reader found.
    package mutating func adopt(_ problems: [ConfigurationProblem]) { self.problems += problems }

    /// - Parameter hint: What was probably meant.
    package mutating func reportUnknown(_ entry: Entry, of key: String, known: [String], hint: String? = nil) {
        let known = known.isEmpty ? "none" : Self.list(known)
        report(
            entry.keyNode, Section.path(key, entry.name),
            "unknown key\(hint.map { " (\($0))" } ?? ""); known here: \(known)")
    }

    /// The elements of a list, each with its path.
    package mutating func elements(_ node: Node, _ key: String) -> [(node: Node, key: String)]? {
        guard let sequence = node.sequence else {
            report(node, key, "must be a list, not \(Self.kind(of: node))")
            return nil
        }
        return sequence.enumerated().map { ($1, "\(key)[\($0)]") }
    }

    /// Text with its variables replaced.
    ///
    /// An unquoted number, boolean or null is not text. With `unset`, a variable that is not set and has no default
    /// stands for that.
    package mutating func text(
        _ node: Node, _ key: String, allowEmpty: Bool = false, unset: String? = nil
    ) -> String? {
        guard let scalar = node.scalar else {
            report(node, key, "must be text, not \(Self.kind(of: node))")
            return nil
        }
        guard scalar.style != .plain || node.tag == Tag(.str) else {
            report(node, key, "must be text, not \(Self.kind(of: node)); put it in quotes")
            return nil
        }
        guard let text = expand(scalar.string, node, key, unset: unset) else { return nil }
        guard allowEmpty || !text.isEmpty else {
            report(node, key, "must not be empty")
            return nil
        }
        return text
    }

    /// One of a few words; `off`, which YAML takes for a boolean, may be one of them.
    package mutating func choice(_ node: Node, _ key: String, of words: [String]) -> String? {
        guard let text = scalarText(node, key, expecting: "one of \(Self.list(words))") else { return nil }
        guard words.contains(text) else {
            report(node, key, "must be one of \(Self.list(words)), not \(shown(text, node))")
            return nil
        }
        return text
    }

    /// One value's text, whatever YAML takes it for, with its variables replaced.
    mutating func scalarText(_ node: Node, _ key: String, expecting what: String) -> String? {
        guard let scalar = node.scalar else {
            report(node, key, "must be \(what), not \(Self.kind(of: node))")
            return nil
        }
        return expand(scalar.string, node, key)
    }

    private mutating func expand(_ text: String, _ node: Node, _ key: String, unset: String? = nil) -> String? {
        guard let environment else { return text }
        do throws(Interpolation.Failure) {
            return try Interpolation.expand(text, environment: environment, unset: unset)
        } catch {
            report(node, key, error.message)
            return nil
        }
    }

    package static func kind(of node: Node) -> String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        case .scalar:
            switch node.tag.description {
            case Tag.Name.int.rawValue, Tag.Name.float.rawValue: "a number"
            case Tag.Name.bool.rawValue: "a boolean"
            case Tag.Name.null.rawValue: "nothing"
            case Tag.Name.timestamp.rawValue: "a date"
            default: "text"
            }
        }
    }

    package static func list(_ names: [String]) -> String { names.joined(separator: ", ") }

    package static func excerpt(_ text: String) -> String { text.count <= 60 ? text : text.prefix(60) + "…" }
}

extension ConfigurationReader {
    /// A mapping whose keys are known to be known.
    package struct Section {
        package let node: Node
        package let key: String
        package fileprivate(set) var values: [String: Node] = [:]

        package func path(_ name: String) -> String { Self.path(key, name) }

        package static func path(_ key: String, _ name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }
    }
}
