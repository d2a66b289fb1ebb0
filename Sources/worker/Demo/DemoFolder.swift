import Foundation

/// The demonstration's temporary folder: the workers' configuration, the handler, and a ledger for each worker.
struct DemoFolder: Sendable {
    static let channel = "orders"
    static let type = "order.placed"
    static let slots = 4

    let path: String

    init() throws {
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(base)/signalbox-demo-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return mkdtemp(start) != nil
        }
        guard made else {
            throw Failure(.software, "no temporary folder in \(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try Self.configuration.write(toFile: configurationFile, atomically: false, encoding: .utf8)
        try Self.handler.write(toFile: handlerFile, atomically: false, encoding: .utf8)
    }

    var configurationFile: String { "\(path)/worker.yaml" }
    var handlerFile: String { "\(path)/handle-order.sh" }
    func ledgerFile(_ worker: String) -> String { "\(path)/\(worker).ledger" }
    func holdFile(_ worker: String) -> String { "\(path)/\(worker).hold" }

    func ledger(_ worker: String) -> Ledger {
        guard let data = FileManager.default.contents(atPath: ledgerFile(worker)) else { return Ledger() }
        return Ledger(String(decoding: data, as: UTF8.self))
    }

    func hold(_ worker: String) throws {
        guard FileManager.default.createFile(atPath: holdFile(worker), contents: nil) else {
            throw Failure(.software, "\(holdFile(worker)) cannot be made")
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The variables of one worker's process.
    func environment(worker: String, redis: String) -> [String: String] {
        [
            "REDIS_URL": redis, "DEMO_WORKER": worker, "DEMO_HANDLER": handlerFile,
            "DEMO_LEDGER": ledgerFile(worker), "DEMO_HOLD": holdFile(worker),
        ]
    }

    private static let configuration = """
        redis:
          url: ${REDIS_URL}
        worker:
          name: ${DEMO_WORKER}
          concurrency: \(slots)
          drainTimeout: 10s
        handlers:
          - name: order
            on: { channel: \(channel), type: \(type) }
            run: ["/bin/sh", "${DEMO_HANDLER}"]
            timeout: 60s
            environment: { ORDER_ID: "{{payload.id}}" }
            dedupe: { key: "{{payload.id}}", window: 1h, lease: 5s }

        """

    /// Each line is one small append, which the kernel does as a whole.
    private static let handler = """
        # Handles one order: reads the event, works for a moment, and notes both ends of the work in the ledger.
        IFS= read -r event || exit 1
        note() { printf '%s %s\\n' "$1" "$ORDER_ID" >>"$DEMO_LEDGER"; }
        note start
        sleep 0.02
        if [ -e "$DEMO_HOLD" ]; then
            note held
            while [ -e "$DEMO_HOLD" ]; do sleep 0.1; done
        fi
        note done

        """
}
