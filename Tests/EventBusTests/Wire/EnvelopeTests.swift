import Foundation
import RedisCore
import Testing

@testable import EventBus

private struct OrderPlaced: EventPayload, Equatable {
    struct Item: Codable, Equatable {
        var sku: String
        var quantity: Int
    }
    static let eventType = "order.placed"
    var id: Int
    var customer: String
    var total: Decimal
    var items: [Item]
    var note: String?
}

@Suite("Envelope")
struct EnvelopeTests {
    private func read(_ text: String, _ limits: EventLimits = .init()) throws(EnvelopeFault) -> RawEvent {
        try EnvelopeReader(limits: limits).read(Array(text.utf8))
    }

    private func fault(_ bytes: [UInt8], _ limits: EventLimits = .init()) -> EnvelopeFault? {
        do throws(EnvelopeFault) {
            _ = try EnvelopeReader(limits: limits).read(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an event as Go writes it is read`() throws {
        let event = try RawEvent(json: golden("order-placed.from-go"))
        #expect(event.type == "order.placed")
        #expect(event.source == "shop")
        #expect(abs(event.timestamp.timeIntervalSince1970 - 1_763_689_984.123456789) < 1e-6)
        #expect(event.id == nil && event.version == nil && event.trace == nil)
        let order: OrderPlaced = try event.decodePayload()
        let items = [OrderPlaced.Item(sku: "A-1", quantity: 2), .init(sku: "B&C", quantity: 1)]
        #expect(order == OrderPlaced(id: 7, customer: "Zoë <zoe@example.com>", total: 12.5, items: items, note: nil))
        #expect(try event.json == Data(golden("order-placed.from-go")))
    }

    @Test func `Go's zero values are read`() throws {
        let event = try RawEvent(json: golden("zero-values.from-go"))
        #expect(event.timestamp == RFC3339.zeroTime)
        #expect(event.source.isEmpty)
        #expect(event.payload == Data("null".utf8))
    }

    @Test func `our event has the bytes it always had`() throws {
        let event = OutgoingEvent(
            type: "order.placed", payloadJSON: Data(#"{"id":7}"#.utf8), id: "7f3a", version: 2,
            timestamp: Date(timeIntervalSince1970: 1_709_251_199.999999), channel: "orders")
        let trace = [
            "tracestate": "a=b", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ]
        let bytes = try #require(EnvelopeWriter(source: #"shop "north""#).write(event, trace: trace))
        #expect(try bytes == golden("order-placed.from-signalbox"))
        let back = try RawEvent(json: bytes)
        #expect(back.source == #"shop "north""#)
        #expect(back.id == "7f3a" && back.version == 2 && back.trace == trace)
    }

    @Test func `our event without optional fields has only the four of the requirement`() throws {
        let event = OutgoingEvent(
            type: "cache.cleared", payloadJSON: Data("null".utf8),
            timestamp: Date(timeIntervalSince1970: 1_763_715_184), channel: "cache")
        let bytes = try #require(EnvelopeWriter(source: "shop").write(event, trace: [:]))
        #expect(try bytes == golden("minimal.from-signalbox"))
    }

    @Test(arguments: ["order-placed.from-signalbox", "minimal.from-signalbox"])
    func `our event is what Go's struct can read`(_ name: String) throws {
        let object = try JSONSerialization.jsonObject(with: Data(golden(name))) as? [String: Any]
        #expect(object?["type"] is String && object?["source"] is String && object?["payload"] != nil)
        let timestamp = try #require(object?["timestamp"] as? String)
        // Go's time.RFC3339Nano.
        #expect(timestamp.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)/) != nil)
    }

    @Test func `fields may come in any order, escaped, unknown, twice, and with space between`() throws {
        let event = try read(
            """
             { "x" : [ 1 , { "type" : "no" } ] , "payload" : 1, "source":"\\u00e9\\ud83d\\ude00\\/" ,
             "payload" : {"a":[ ]} , "\\u0074ype" : "a\\tb" , "timestamp":"2025-11-21T08:53:04Z" }
            """)
        #expect(event.type == "a\tb")
        #expect(event.source == "é😀/")
        #expect(String(decoding: event.payload, as: UTF8.self) == #"{"a":[ ]}"#)
    }

    @Test func `missing and null fields have Go's zero value`() throws {
        for text in [#"{"type":"a"}"#, #"{"type":"a","payload":null,"timestamp":null,"source":null,"id":null}"#] {
            let event = try read(text)
            #expect(event.timestamp == RFC3339.zeroTime && event.source.isEmpty && event.id == nil)
            #expect(event.payload == Data("null".utf8))
        }
    }

    @Test func `optional fields that mean something else to the sender are left out`() throws {
        let event = try read(#"{"type":"a","id":42,"version":"v2","trace":"on"}"#)
        #expect(event.id == "42" && event.version == nil && event.trace == nil)
        let other = try read(#"{"type":"a","id":{"n":1},"version":1.5,"trace":{"a":"b","c":1,"d":null}}"#)
        #expect(other.id == nil && other.version == nil && other.trace == ["a": "b"])
    }

    @Test(arguments: [
        "", " ", "null", "7", "\"a\"", "[]", "{}", #"{"type":""}"#, #"{"type":null}"#, #"{"type":7}"#,
        #"{"type":["a"]}"#,
        #"{"type":"a""#, #"{"type":"a"}}"#, #"{"type":"a"} x"#, #"{"type":"a","source":1}"#,
        #"{"type":"a","timestamp":1763715184}"#, #"{"type":"a","timestamp":"yesterday"}"#,
        #"{"type":"a","timestamp":""}"#, #"{"type":"a","payload":}"#, #"{"type":"a","payload":{"b":}}"#, "{'type':'a'}",
        #"{"type":"a","payload":NaN}"#, "{\"type\":\"a\u{0}\"}",
    ])
    func `what is no event is refused as malformed`(_ text: String) {
        guard case .malformed = fault(Array(text.utf8)) else {
            Issue.record("\(text) was \(String(describing: fault(Array(text.utf8))))")
            return
        }
    }

    @Test(
        arguments: [[0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]])
    func `bytes that are not UTF-8 are refused`(_ bytes: [UInt8]) {
        #expect(fault(Array(#"{"type":""#.utf8) + bytes + Array("\"}".utf8)) == .notUTF8)
    }

    @Test func `a large message is refused before it is looked into`() {
        let limits = EventLimits(maxSize: 100)
        #expect(fault([UInt8](repeating: 0xFF, count: 101), limits) == .tooLarge(size: 101, limit: 100))
        #expect(fault([UInt8](repeating: 0xFF, count: 100), limits) == .notUTF8)
    }

    @Test func `the depth limit counts the envelope`() throws {
        let limits = EventLimits(maxDepth: 10)
        #expect(fault(Array(#"{"type":"a","payload":\#(nested(9))}"#.utf8), limits) == nil)
        #expect(fault(Array(#"{"type":"a","payload":\#(nested(10))}"#.utf8), limits) == .tooDeep(limit: 10))
        #expect(fault(Array(#"{"type":"a","x":\#(nested(10_000))}"#.utf8), limits) == .tooDeep(limit: 10))
    }

    @Test func `a payload as deep as the default limit allows can be decoded`() throws {
        final class Tree: EventPayload {
            static let eventType = "tree"
            let children: [Tree]
            init(from decoder: any Decoder) throws {
                children = try decoder.singleValueContainer().decode([Tree].self)
            }
        }
        let tree: Tree = try read(#"{"type":"tree","payload":\#(nested(511))}"#).decodePayload()
        #expect(tree.children.count == 1)
    }

    @Test func `an error names the field and not its value`() throws {
        let event = try read(#"{"type":"order.placed","payload":{"id":"secret","items":[]}}"#)
        let error = #expect(throws: EventBusError.self) { let _: OrderPlaced = try event.decodePayload() }
        #expect(error?.code == .decoding)
        #expect(error?.message == "the payload of order.placed is no OrderPlaced: payload.id is no Int")
    }
}
