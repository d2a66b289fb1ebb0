import EventBus
import Foundation

/// Publishes the lines of an NDJSON stream, each as one event's payload.
struct EventFilePublisher {
    /// A line that is not JSON.
    struct BrokenLine: Sendable, Equatable {
        let number: Int
        let problem: String
    }

    /// What was done so far.
    struct Progress: Sendable {
        var published = 0
        /// Sum of the subscribers that each event reached.
        var deliveries = 0
        var broken = 0
        /// The first broken lines, with what is wrong.
        var firstBroken: [BrokenLine] = []
        var bytes = 0
    }

    static let keptBroken = 20

    let publisher: EventPublisher
    let channel: String
    let type: String
    var rate: PublishRate?
    /// The event's id from its payload; none when absent.
    var id: @Sendable (JSONValue) -> String? = { _ in nil }

    /// Publishes to the end of the input; a line that is not JSON is counted and skipped.
    func publish(
        _ reader: LineReader, onProgress: (Progress) -> Void = { _ in }
    ) async throws -> Progress {
        var progress = Progress()
        var batch: [OutgoingEvent] = []
        let batchSize = rate?.batch ?? 100
        let start = ContinuousClock.now
        while let line = try reader.next() {
            progress.bytes = reader.consumed
            do throws(JSONParser.Failure) {
                guard !line.isTooLong else { throw .init(offset: line.bytes.count, problem: "the line is too long") }
                let payload = try JSONParser.parse(line.bytes)
                batch.append(
                    OutgoingEvent(type: type, payloadJSON: Data(line.bytes), id: id(payload), channel: channel))
            } catch {
                progress.broken += 1
                if progress.firstBroken.count < Self.keptBroken {
                    progress.firstBroken.append(.init(number: line.number, problem: error.description))
                }
            }
            guard batch.count >= batchSize else { continue }
            if let rate { try await Task.sleep(until: start + rate.due(progress.published), clock: .continuous) }
            try await send(&batch, &progress)
            onProgress(progress)
        }
        try await send(&batch, &progress)
        progress.bytes = reader.consumed
        onProgress(progress)
        return progress
    }

    private func send(_ batch: inout [OutgoingEvent], _ progress: inout Progress) async throws {
        guard !batch.isEmpty else { return }
        for result in try await publisher.publish(batch) {
            progress.deliveries += try result.get()
            progress.published += 1
        }
        batch.removeAll(keepingCapacity: true)
    }
}
