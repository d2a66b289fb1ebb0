import Foundation

/// One line on standard error that redraws itself; silent where no person looks.
final class ProgressBar {
    private let isShown: Bool
    private var lastDrawn: ContinuousClock.Instant?
    private let start = ContinuousClock.now

    /// `isWorthwhile`: short jobs are over before a bar helps.
    init(isWorthwhile: Bool) { isShown = isWorthwhile && Terminal.errorIsTerminal }

    func show(_ progress: EventFilePublisher.Progress, size: Int?) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < .milliseconds(100) { return }
        lastDrawn = now
        let line = Self.line(progress, size: size, elapsed: now - start, width: Terminal.width)
        Terminal.write("\r\u{1B}[K" + line, to: STDERR_FILENO)
    }

    func clear() {
        if lastDrawn != nil { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }

    static func line(
        _ progress: EventFilePublisher.Progress, size: Int?, elapsed: Duration, width: Int
    ) -> String {
        let rate = Int(Double(progress.published) / max(elapsed.inSeconds, 0.001))
        var text = " \(progress.published) events, \(rate)/s"
        if progress.broken > 0 { text += ", \(progress.broken) broken" }
        guard let size, size > 0 else { return String(text.dropFirst().prefix(width - 1)) }
        let share = min(1, Double(progress.bytes) / Double(size))
        let percent = "\(Int(share * 100)) %"
        let cells = max(0, min(40, width - text.count - percent.count - 4))
        let full = Int(Double(cells) * share)
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
        return "\(bar) \(percent)\(text)"
    }
}
