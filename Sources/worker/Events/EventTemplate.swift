import Mustache

/// A Mustache template over an event: `{{payload.id}}`, `{{type}}`, `{{#payload.items}}…{{/payload.items}}`.
///
/// Nothing is HTML-escaped. A template for JSON escapes what `{{…}}` inserts for use inside quotes; `{{{…}}}` inserts
/// a value as raw JSON or text.
struct EventTemplate: Sendable, Equatable {
    /// How `{{…}}` treats what it inserts.
    enum Escaping: String, Sendable {
        case none = "TEXT"
        case json = "SIGNALBOX_JSON"
    }

    let source: String
    private let template: MustacheTemplate

    /// What a template may name at its top level.
    static let variables = [
        "type", "id", "source", "channel", "pattern", "timestamp", "version", "payload", "worker", "handler",
    ]

    init(_ source: String, escaping: Escaping = .none) throws(TemplateProblem) {
        if escaping == .json { JSONContentType.register }
        self.source = source
        do {
            template = try MustacheTemplate(string: "{{% CONTENT_TYPE: \(escaping.rawValue)}}" + source)
        } catch {
            throw TemplateProblem(message: "is not a Mustache template: \(Self.describe(error))")
        }
        let probe = MissingFields()
        _ = template.render(TemplateNode(value: .object(Self.anything), path: "", missing: probe))
        let unknown = probe.names.filter { !$0.hasPrefix("payload.") }
        guard unknown.isEmpty else {
            let known = Self.variables.joined(separator: ", ")
            throw TemplateProblem(message: "names the unknown \(unknown.joined(separator: ", ")); known: \(known)")
        }
    }

    /// Fills in an event's fields.
    ///
    /// With `strict`, a field that is missing or null is an error rather than empty text: a key with a hole in it
    /// would make unrelated events the same.
    func render(_ fields: [String: JSONValue], strict: Bool) throws(TemplateProblem) -> String {
        let missing = MissingFields()
        let text = template.render(TemplateNode(value: .object(fields), path: "", missing: missing))
        guard !strict || missing.names.isEmpty else {
            throw TemplateProblem(message: "the event has no \(missing.names.joined(separator: ", "))")
        }
        return text
    }

    static func == (left: Self, right: Self) -> Bool { left.source == right.source }

    private static let anything = Dictionary(
        uniqueKeysWithValues: variables.map { ($0, $0 == "payload" ? JSONValue.object([:]) : .string("")) })

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? MustacheTemplate.ParserError else { return "\(error)" }
        return "\(error.error)"
    }
}

/// Why a template cannot be used, or not with this event.
struct TemplateProblem: Error, Equatable {
    let message: String
}

/// Names that a template asked for and did not find.
///
/// Used by one rendering on one thread, hence no lock.
private final class MissingFields {
    var names: [String] = []
}

/// A JSON object as Mustache walks it, remembering its path for the sake of error messages.
private struct TemplateNode: MustacheParent, MustacheCustomRenderable {
    let value: JSONValue
    let path: String
    let missing: MissingFields

    var renderText: String { value.json }
    var isNull: Bool { false }

    func child(named name: String) -> Any? {
        let childPath = path.isEmpty ? name : "\(path).\(name)"
        guard case .object(let members) = value, let child = members[name], child != .null else {
            missing.names.append(childPath)
            return nil
        }
        return Self.mustacheValue(of: child, path: childPath, missing: missing)
    }

    static func mustacheValue(of value: JSONValue, path: String, missing: MissingFields) -> Any? {
        switch value {
        case .null: nil
        case .bool(let flag): TemplateScalar(renderText: "\(flag)", isNull: !flag, path: path, missing: missing)
        case .number(let text), .string(let text):
            TemplateScalar(renderText: text, isNull: false, path: path, missing: missing)
        case .object: TemplateNode(value: value, path: path, missing: missing)
        case .array(let elements): TemplateList(elements: elements, path: path, missing: missing)
        }
    }
}

/// Text, a number or a boolean; asking for a part of one is asking for something that is not there.
private struct TemplateScalar: MustacheParent, MustacheCustomRenderable {
    let renderText: String
    /// Mustache's word for "leaves its section out".
    let isNull: Bool
    let path: String
    let missing: MissingFields

    func child(named name: String) -> Any? {
        missing.names.append("\(path).\(name)")
        return nil
    }
}

/// A JSON array: repeats a section, or is indexed by number (`payload.items.0.sku`).
private struct TemplateList: MustacheSequence, MustacheParent, MustacheCustomRenderable {
    let elements: [JSONValue]
    let path: String
    let missing: MissingFields

    var renderText: String { JSONValue.array(elements).json }
    var isNull: Bool { false }

    func child(named name: String) -> Any? {
        guard let index = Int(name), elements.indices.contains(index), elements[index] != .null else {
            missing.names.append("\(path).\(name)")
            return nil
        }
        return TemplateNode.mustacheValue(of: elements[index], path: "\(path).\(name)", missing: missing)
    }

    func makeIterator() -> AnyIterator<Any> {
        var iterator = elements.enumerated().makeIterator()
        return AnyIterator {
            iterator.next().map { index, element in
                TemplateNode.mustacheValue(of: element, path: "\(path).\(index)", missing: missing) ?? ""
            }
        }
    }
}

/// Escapes for the inside of a JSON string.
private struct JSONContentType: MustacheContentType {
    func escapeText(_ text: String) -> String { JSONValue.escaped(text) }

    /// Registered once, at first use.
    static let register: Void = MustacheContentTypes.register(Self(), named: EventTemplate.Escaping.json.rawValue)
}
