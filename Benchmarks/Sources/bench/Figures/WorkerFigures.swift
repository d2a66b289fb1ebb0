import Foundation

/// `worker run`: how soon it handles events, and what it weighs while there are none.
enum WorkerFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "worker.start", summary: "process start of `worker run` to subscribed, and its idle memory",
                measure: measure)
        ]
    }

    private static let starts = 5

    private static func measure(_ environment: Environment) throws -> [(String, Double?)]? {
        guard let worker = environment.worker else {
            remark("worker.start: skipped; give the executable with --worker PATH")
            return nil
        }
        var milliseconds: [Double] = []
        var bytes: [Double] = []
        for number in 0..<starts {
            let channel = "bench:worker:\(number)"
            let configuration = environment.server.folder.appendingPathComponent("worker-\(number).yaml")
            try Data(text(port: environment.port, channel: channel).utf8).write(to: configuration)
            let process = Process()
            process.executableURL = URL(fileURLWithPath: worker)
            process.arguments = ["run", "--config", configuration.path]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            let begin = DispatchTime.now().uptimeNanoseconds
            try process.run()
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            try blocking { [port = environment.port] in
                try await RawSession.waitForSubscriber(of: channel, port: port)
            }
            milliseconds.append(Double(DispatchTime.now().uptimeNanoseconds - begin) / 1e6)
            Thread.sleep(forTimeInterval: 1)  // "idle" is a second after the start, not the start itself
            if let resident = ResidentMemory.ofProcess(process.processIdentifier) { bytes.append(Double(resident)) }
        }
        return [("ready_ms", milliseconds.median), ("rss_bytes", bytes.median)]
    }

    private static func text(port: Int, channel: String) -> String {
        """
        redis:
          url: redis://127.0.0.1:\(port)
        worker:
          name: bench
        handlers:
          - name: log
            on: { channel: "\(channel)" }
            log: "{{type}}"

        """
    }
}
