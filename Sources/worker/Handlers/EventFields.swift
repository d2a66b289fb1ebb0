import EventBus
import Foundation

/// An event as templates and programs see it.
struct EventFields: Sendable {
    let type: String
    let id: String?
    let source: String
    let channel: String
    let pattern: String?
    let timestamp: Date
    let version: Int?
    let payload: JSONValue
    /// The whole envelope, as it arrived.
    let json: [UInt8]

    init(_ event: RawEvent, channel: String, pattern: String?) throws(HandlerFailure) {
        type = event.type
        id = event.id
        source = event.source
        self.channel = channel
        self.pattern = pattern
        timestamp = event.timestamp
        version = event.version
        json = Array(event.json)
        do throws(JSONParser.Failure) {
            payload = try JSONParser.parse(Array(event.payload))
        } catch {
            throw HandlerFailure("the payload cannot be read: \(error)")
        }
    }

    func templateFields(worker: String, handler: String) -> [String: JSONValue] {
        [
            "type": .string(type), "id": .optional(id), "source": .string(source), "channel": .string(channel),
            "pattern": .optional(pattern), "timestamp": .string(timestampText), "version": .optional(version),
            "payload": payload, "worker": .string(worker), "handler": .string(handler),
        ]
    }

    /// What a program finds in its environment.
    func environment(worker: String, handler: String, attempt: Int, fence: Int64?) -> [String: String] {
        var environment = [
            "SIGNALBOX_EVENT_TYPE": type, "SIGNALBOX_EVENT_ID": id ?? "", "SIGNALBOX_EVENT_SOURCE": source,
            "SIGNALBOX_EVENT_CHANNEL": channel, "SIGNALBOX_EVENT_TIMESTAMP": timestampText,
            "SIGNALBOX_WORKER": worker, "SIGNALBOX_HANDLER": handler, "SIGNALBOX_ATTEMPT": String(attempt),
        ]
        if let fence { environment["SIGNALBOX_FENCING_TOKEN"] = String(fence) }
        // A NUL would end the variable early; nothing else is special in an environment.
        return environment.mapValues { $0.replacing("\0", with: "") }
    }

    private var timestampText: String {
        timestamp.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
    }
}

/// Why a handler did not succeed with an event, in one clause without the event's content.
struct HandlerFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
