import RedisCore
import Synchronization
import TestSupport
import Testing

/// Runs a body with a loop of its own, and stops it.
private func withLoop<T>(_ body: (EventLoop) async throws -> T) async throws -> T {
    let loop = EventLoop(name: "test-loop")
    do {
        let value = try await body(loop)
        await loop.stop()
        return value
    } catch {
        await loop.stop()
        throw error
    }
}

/// An actor whose methods run on a loop.
private actor Pinned {
    private let loop: EventLoop
    private var count = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ loop: EventLoop) { self.loop = loop }

    func add() -> Bool {
        count += 1
        return loop.isCurrent
    }

    func total() -> Int { count }
}

@Suite struct `The event loop` {
    @Test func `runs closures on its one thread, in order`() async throws {
        try await withLoop { loop async throws in
            #expect(!loop.isCurrent)
            #expect(await loop.run { loop.isCurrent })
            let order = Mutex<[Int]>([])
            for number in 0..<1_000 { loop.execute { order.withLock { $0.append(number) } } }
            let seen = await loop.run { order.withLock { $0 } }
            #expect(seen == Array(0..<1_000))
        }
    }

    @Test func `runs a closure at once when already there`() async throws {
        try await withLoop { loop async throws in
            let order = await loop.run {
                let order = Mutex<[Int]>([])
                loop.execute { order.withLock { $0.append(1) } }
                order.withLock { $0.append(2) }
                return order.withLock { $0 }
            }
            #expect(order == [1, 2])
        }
    }

    @Test func `is an executor for actors and for tasks`() async throws {
        try await withLoop { loop async throws in
            let actor = Pinned(loop)
            let allOnLoop = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<100 { group.addTask { await actor.add() } }
                return await group.allSatisfy(\.self)
            }
            #expect(allOnLoop)
            #expect(await actor.total() == 100)
            let isOnLoop = await withTaskExecutorPreference(loop) { await Self.yieldAndLook(loop) }
            #expect(isOnLoop)
        }
    }

    @concurrent private static func yieldAndLook(_ loop: EventLoop) async -> Bool {
        let before = loop.isCurrent
        await Task.yield()
        return before && loop.isCurrent
    }

    @Test func `is not starved by jobs that feed each other`() async throws {
        try await withLoop { loop in
            let fed = Task(executorPreference: loop) {
                var turns = 0
                while !Task.isCancelled {
                    turns += 1
                    await Task.yield()
                }
                return turns
            }
            let fired = TestSignal("a timer")
            loop.schedule(after: .milliseconds(5)) { fired.fire() }
            try await fired.wait()
            fed.cancel()
            #expect(await fed.value > 0)
        }
    }

    @Test func `takes work from many threads at once and loses none`() async throws {
        try await withLoop { loop async throws in
            let count = Counter()
            await withTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<2_000 { loop.execute { count.add() } }
                    }
                }
            }
            await loop.run {}
            #expect(count.count == 16_000)
        }
    }
}

// MARK: - Timers

extension `The event loop` {
    @Test func `fires timers in the order of their deadlines, equal ones as they came`() async throws {
        try await withLoop { loop in
            try await eventually("timers added together") {
                let order = Mutex<[Int]>([])
                let done = TestSignal("the last timer")
                // From the loop itself, so that all are added before any can be due.
                let spent: Duration = await loop.run {
                    let start = ContinuousClock.now
                    for (number, delay) in [(4, 30), (1, 10), (2, 20), (3, 20), (0, 0)] {
                        loop.schedule(after: .milliseconds(delay)) { order.withLock { $0.append(number) } }
                    }
                    loop.schedule(after: .milliseconds(31)) { done.fire() }
                    return ContinuousClock.now - start
                }
                try await done.wait(within: .seconds(60))
                // A thread held up between two of them gives the later one a later deadline: then once more.
                guard spent < .milliseconds(10) else { return false }
                #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
                return true
            }
        }
    }

    @Test func `fires no timer early`() async throws {
        try await withLoop { loop in
            let clock = ContinuousClock()
            for milliseconds in [1, 2, 7, 15] {
                let start = clock.now
                try await loop.sleep(for: .milliseconds(milliseconds))
                #expect(clock.now - start >= .milliseconds(milliseconds))
            }
        }
    }

    @Test func `does not fire a cancelled timer, from whatever thread it was cancelled`() async throws {
        try await withLoop { loop in
            let fired = Counter()
            let added = Mutex<[LoopTimer]>([])
            let holding = TestSignal("the loop is held up, with all timers set")
            let gate = BlockingGate()
            loop.execute {
                let timers = (0..<2_000).map { number in
                    loop.schedule(after: .milliseconds(20 + number % 10)) { fired.add() }
                }
                added.withLock { $0 = timers }
                holding.fire()
                // However long the cancelling takes, none fires before it.
                gate.wait()
            }
            try await holding.wait(within: .seconds(60))
            let timers = added.withLock { $0 }
            for timer in timers.dropFirst() { timer.cancel() }
            timers[1].cancel()
            gate.open()
            let done = TestSignal("a later timer")
            loop.schedule(after: .milliseconds(40)) { done.fire() }
            try await done.wait(within: .seconds(60))
            #expect(fired.count == 1)
        }
    }

    @Test func `ends a sleep when its task is cancelled, before and during it`() async throws {
        try await withLoop { loop in
            let early = Task {
                while !Task.isCancelled { await Task.yield() }
                try await loop.sleep(for: .seconds(3_600))
            }
            early.cancel()
            await #expect(throws: CancellationError.self) { try await early.value }
            let begun = TestSignal("the sleeper runs")
            let late = Task {
                begun.fire()
                try await loop.sleep(for: .seconds(3_600))
            }
            try await begun.wait()
            late.cancel()
            await #expect(throws: CancellationError.self) { try await late.value }
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .nanoseconds(1)])
    func `takes a delay of nothing as the next turn`(delay: Duration) async throws {
        try await withLoop { loop in try await loop.sleep(for: delay) }
    }

    @Test func `accepts a delay beyond all bounds`() async throws {
        try await withLoop { loop in
            let never = loop.schedule(after: .seconds(Int64.max)) {}
            try await loop.sleep(for: .milliseconds(1))
            never.cancel()
        }
    }

    @Test func `tells how late it was`() async throws {
        try await withLoop { loop in
            let fired = TestSignal("the late timer")
            let holding = TestSignal("the loop is held up, with the timer set")
            let gate = BlockingGate()
            loop.execute {
                loop.schedule(after: .milliseconds(1)) { fired.fire() }
                holding.fire()
                gate.wait()
            }
            try await holding.wait(within: .seconds(60))
            // 60 ms by another loop's clock, in which this one does nothing.
            try await EventLoop.shared.sleep(for: .milliseconds(60))
            gate.open()
            try await fired.wait(within: .seconds(60))
            #expect(loop.lag >= .milliseconds(20))
        }
    }
}

// MARK: - The end

extension `The event loop` {
    @Test func `does what it was given before it ends`() async {
        let loop = EventLoop(name: "ending")
        let count = Counter()
        for _ in 0..<1_000 { loop.execute { count.add() } }
        await loop.stop()
        #expect(count.count == 1_000)
    }

    @Test func `can be stopped twice, and at the same time`() async {
        let loop = EventLoop(name: "twice")
        async let first: Void = loop.stop()
        async let second: Void = loop.stop()
        _ = await (first, second)
        await loop.stop()
    }

    @Test func `leaves no thread and no descriptor behind`() async throws {
        // In a process of its own: other tests open and close descriptors all the time.
        await #expect(processExitsWith: .success) {
            let first = EventLoop(name: "first")
            await first.stop()
            let before = ProcessResources.openFileDescriptors()
            for _ in 0..<20 {
                let loop = EventLoop(name: "brief")
                await loop.run {}
                await loop.stop()
            }
            // Swift's runtime may have opened one or two of its own meanwhile.
            precondition(ProcessResources.openFileDescriptors() < before + 20, "a loop left descriptors behind")
        }
    }

    @Test func `ends sleeps when it is stopped, and refuses later ones`() async throws {
        let loop = EventLoop(name: "asleep")
        let begun = TestSignal("the sleeper runs")
        let ended = TestSignal("both sleeps have ended with an error")
        let sleep: @Sendable () async -> Void = {
            begun.fire()
            do { try await loop.sleep(for: .seconds(3_600)) } catch { ended.fire() }
        }
        Task { await sleep() }
        try await begun.wait()
        await loop.stop()
        Task { await sleep() }
        try await ended.wait(count: 2, within: .seconds(60))
    }

    @Test func `lets tasks that slept on it finish on it`() async throws {
        let loop = EventLoop(name: "woken")
        let begun = TestSignal("the sleeper runs")
        let sleeper = Task(executorPreference: loop) {
            begun.fire()
            do { try await loop.sleep(for: .seconds(3_600)) } catch {}
            return loop.isCurrent
        }
        try await begun.wait()
        await loop.stop()
        let wasOnLoop = try await within { await sleeper.value }
        #expect(wasOnLoop)
    }

    @Test func `runs work given after its end, wherever that is`() async throws {
        let loop = EventLoop(name: "gone")
        await loop.stop()
        #expect(try await within { await loop.run { 42 } } == 42)
        let actor = Pinned(loop)
        let total = try await within {
            await withTaskGroup { group in
                for _ in 0..<1_000 { group.addTask { _ = await actor.add() } }
            }
            return await actor.total()
        }
        #expect(total == 1_000, "one at a time")
        // Threads started now may get the ended thread's id: they must not be taken for it.
        try await withLoop { other in
            let ran = TestSignal("a task that prefers the ended loop")
            _ = await other.run { Task(executorPreference: loop) { ran.fire() } }
            try await ran.wait(within: .seconds(60))
        }
    }
}
