import Testing

@testable import worker

@Suite struct EventTemplateTests {
    private let fields: [String: JSONValue] = [
        "type": "order.placed", "id": .null, "channel": "orders",
        "payload": .object([
            "id": .number("12345678901234567890"), "total": .number("12.50"), "name": "A & B <\"C\">", "paid": true,
            "none": .null, "items": .array([.object(["sku": "a"]), .object(["sku": "b"])]), "tags": .array(["x", "y"]),
        ]),
    ]

    private func render(
        _ source: String, strict: Bool = true, escaping: EventTemplate.Escaping = .none
    ) throws -> String {
        try EventTemplate(source, escaping: escaping).render(fields, strict: strict)
    }

    @Test(arguments: [
        ("plain", "plain"), ("image:{{payload.id}}", "image:12345678901234567890"), ("{{payload.total}}", "12.50"),
        ("{{payload.name}}", "A & B <\"C\">"), ("{{{payload.name}}}", "A & B <\"C\">"),
        ("{{type}}@{{channel}}", "order.placed@orders"),
        ("{{#payload.items}}{{sku}},{{/payload.items}}", "a,b,"), ("{{payload.items.1.sku}}", "b"),
        ("{{payload.tags}}", #"["x","y"]"#), ("{{#payload.paid}}yes{{/payload.paid}}", "yes"),
        ("{{#payload.tags}}{{.}};{{/payload.tags}}", "x;y;"),
    ])
    func `fields are filled in as they were written`(_ source: String, _ expected: String) throws {
        #expect(try render(source) == expected)
    }

    @Test(arguments: [
        ("{{payload.missing}}", "payload.missing"), ("k:{{id}}", "id"), ("{{payload.none}}", "payload.none"),
        ("{{payload.id.deeper}}", "payload.id.deeper"), ("{{payload.items.7.sku}}", "payload.items.7"),
    ])
    func `a hole in a key is an error that names the field`(_ source: String, _ name: String) throws {
        let template = try EventTemplate(source)
        do {
            _ = try template.render(fields, strict: true)
            Issue.record("\(source) was rendered")
        } catch {
            #expect(error.message.contains(name))
        }
    }

    @Test func `a hole in a log message is empty`() throws {
        #expect(try render("[{{payload.missing}}{{id}}]", strict: false) == "[]")
    }

    @Test func `a JSON template escapes for the inside of quotes`() throws {
        let text = try render(
            #"{"n":"{{payload.name}}","t":{{payload.total}},"i":{{{payload.items}}}}"#, escaping: .json)
        #expect(
            try JSONParser.parse(text)
                == .object([
                    "n": "A & B <\"C\">", "t": .number("12.50"),
                    "i": .array([.object(["sku": "a"]), .object(["sku": "b"])]),
                ]))
    }

    @Test(arguments: ["{{payload.id", "{{#payload}}", "{{/payload}}", "{{nothing}}", "{{Payload.id}}"])
    func `a template that cannot work is refused when the configuration is read`(_ source: String) {
        #expect(throws: TemplateProblem.self) { try EventTemplate(source) }
    }
}
