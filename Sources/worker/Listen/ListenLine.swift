import EventBus
import Foundation
import RedisCore

/// How `worker listen` shows a message.
struct ListenLine {
    let message: SubscriptionMessage

    /// One JSON object; `event` is the envelope as it came, or null with the reason when the message is no event.
    var json: JSONValue {
        var object: [String: JSONValue] = [
            "channel": .string(message.channel), "pattern": .optional(message.pattern), "event": .null,
        ]
        switch parsed {
        case .success(let event): object["event"] = event
        case .failure(let problem):
            object["problem"] = .string(problem.description)
            object["bytes"] = .number("\(message.payload.count)")
        }
        return .object(object)
    }

    func text(_ style: Style) -> String {
        let channel = style.dim(LogText.clean(message.channel))
        do throws(EventBusError) {
            let event = try RawEvent(json: message.payload)
            let time = event.timestamp.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
            let type = style.bold(style.cyan(LogText.clean(event.type)))
            let id = event.id.map { " " + style.yellow(LogText.clean($0)) } ?? ""
            let payload = LogText.clean(String(decoding: event.payload, as: UTF8.self))
            return "\(style.dim(time + "Z")) \(channel) \(type)\(id) \(payload)"
        } catch {
            let start = LogText.clean(String(decoding: message.payload.prefix(120), as: UTF8.self))
            return "\(channel) \(style.red("no event, \(message.payload.count) bytes, \(error.message):")) \(start)"
        }
    }

    private var parsed: Result<JSONValue, JSONParser.Failure> {
        Result { () throws(JSONParser.Failure) in try JSONParser.parse(message.payload) }
    }
}
