import EventBus
import Foundation
import Logging
import RedisCore

extension HandlerRunner {
    func perform(_ run: Run, _ logger: Logger) async throws {
        tools.inFlight.move(run.entry, to: .running(processID: nil))
        let start = ContinuousClock.now
        defer { counters.recordRun(.now - start) }
        switch configuration.action {
        case .run(let command): try await execute(command, run, logger)
        case .publish(let channel, let type, let payload): try await forward(run, channel, type, payload)
        case .log(let message, let level): try write(message, level, run, logger)
        }
    }

    private func execute(_ command: [String], _ run: Run, _ logger: Logger) async throws {
        var environment = run.event.environment(
            worker: tools.worker, handler: configuration.name, attempt: run.attempt, fence: run.fence)
        for (name, template) in configuration.environment {
            do throws(TemplateProblem) {
                environment[name] = try template.render(run.fields, strict: false).replacing("\0", with: "")
            } catch {
                throw HandlerFailure("environment.\(name) \(error.message)")
            }
        }
        let program = Program(
            command: command, environment: environment, input: run.event.json + [UInt8(ascii: "\n")],
            timeout: configuration.timeout)
        let ending = await tools.programs.run(
            program,
            onStart: { [tools] processID in tools.inFlight.move(run.entry, to: .running(processID: processID)) },
            onLine: { output, line in
                let level: Logger.Level = output == .standardError ? .warning : .info
                logger.log(level: level, "\(LogText.clean(line))", metadata: ["output": "\(output.rawValue)"])
            })
        if let failure = ending.failure(of: "'\(command[0])'", timeout: configuration.timeout) {
            throw HandlerFailure(failure)
        }
    }

    private func forward(
        _ run: Run, _ channel: EventTemplate, _ type: EventTemplate?, _ payload: EventTemplate?
    ) async throws {
        let channel = try render(channel, "publish.channel", run)
        guard channel != run.event.channel else {
            throw HandlerFailure("publish.channel is the channel that the event came from, which would never end")
        }
        let type = try type.map { template in try render(template, "publish.type", run) } ?? run.event.type
        var json = run.event.payload.json
        if let payload {
            json = try render(payload, "publish.payload", run)
            do throws(JSONParser.Failure) {
                _ = try JSONParser.parse(json)
            } catch {
                throw HandlerFailure("publish.payload is not JSON for this event: \(error)")
            }
        }
        let event = (type: type, payload: json, id: run.event.id)
        _ = try await withTimeout(configuration.timeout) { [publisher = tools.publisher] in
            try await publisher.publish(
                type: event.type, payloadJSON: .init(event.payload.utf8), id: event.id, to: channel)
        }
    }

    private func write(_ message: EventTemplate, _ level: String, _ run: Run, _ logger: Logger) throws {
        let text: String
        do throws(TemplateProblem) {
            text = try message.render(run.fields, strict: false)
        } catch {
            throw HandlerFailure("log.message \(error.message)")
        }
        logger.log(level: Logger.Level(rawValue: level) ?? .info, "\(LogText.clean(text))")
    }
}

/// Cancels `body` at the timeout and waits for its end.
private func withTimeout<T: Sendable>(
    _ timeout: Duration, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: timeout)
            throw HandlerFailure("it did not finish within \(DurationText.text(timeout))")
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
