import Testing

@testable import worker

@Suite struct RunStateTests {
    @Test(arguments: [WorkerSignal.terminate, .interrupt])
    func `the first signal drains and the second ends at once`(_ signal: WorkerSignal) {
        var state = RunState()
        #expect(state.received(signal) == .drain)
        #expect(state.received(.report) == .printInFlight)
        #expect(state.received(.stopFetching) == .none)
        #expect(state.received(.interrupt) == .endNow)
    }

    @Test func `a drained worker finishes`() {
        var state = RunState()
        #expect(state.received(.terminate) == .drain)
        #expect(state.fetchingEnded() == .finish)
    }

    @Test func `a worker that stopped fetching lives until it is told to end`() {
        var state = RunState()
        #expect(state.received(.stopFetching) == .quiet)
        #expect(state.received(.stopFetching) == .none)
        #expect(state.fetchingEnded() == .none)
        #expect(state.received(.terminate) == .finish)
    }

    @Test func `a signal to end while work is left after stopping to fetch drains`() {
        var state = RunState()
        #expect(state.received(.stopFetching) == .quiet)
        #expect(state.received(.terminate) == .drain)
        #expect(state.fetchingEnded() == .finish)
    }

    @Test func `a subscription that ends by itself is a failure`() {
        var state = RunState()
        #expect(state.fetchingEnded() == .fail)
    }

    @Test(arguments: [
        (["STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/root"], "/var/lib/a"),
        (["XDG_STATE_HOME": "/x", "HOME": "/root"], "/x/signalbox"),
        (["XDG_STATE_HOME": "", "HOME": "/root"], "/root/.local/state/signalbox"), ([:], ".signalbox"),
    ])
    func `state is kept where the environment says`(_ environment: [String: String], _ expected: String) {
        #expect(StateDirectory.path(configured: nil, environment: environment) == expected)
        #expect(StateDirectory.path(configured: "here", environment: environment) == "here")
    }
}

@Suite struct InFlightTests {
    @Test func `the report counts all and lists what is past the queue`() {
        let inFlight = InFlight()
        let running = inFlight.begin(.init(handler: "a", type: "t", id: "7", channel: "c\n"))
        _ = inFlight.begin(.init(handler: "b", type: "t", id: nil, channel: "c"))
        inFlight.move(running, to: .running(processID: 42))
        let report = InFlight.report(inFlight.entries)
        #expect(
            report.hasPrefix(
                "1 running, 0 waiting for a lock, 0 waiting for the rate limit, 0 following another worker, 1 queued\n")
        )
        #expect(report.contains("  a: t 7 from c\\x0A, running as process 42 for "))
        inFlight.end(running)
        #expect(inFlight.count == 1)
    }
}
