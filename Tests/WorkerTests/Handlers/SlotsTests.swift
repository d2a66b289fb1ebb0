import TestSupport
import Testing

@testable import worker

@Suite struct SlotsTests {
    @Test func `those who wait get their slots in the order they came`() async throws {
        let slots = Slots(1)
        try await slots.acquire()
        let (order, continuation) = AsyncStream.makeStream(of: Int.self)
        for number in 0..<5 {
            Task {
                try await slots.acquire()
                continuation.yield(number)
                slots.release()
            }
            try await eventually("number \(number) waits") { slots.waiting == number + 1 }
        }
        slots.release()
        var found: [Int] = []
        for await number in order {
            found.append(number)
            if found.count == 5 { break }
        }
        #expect(found == [0, 1, 2, 3, 4])
    }

    @Test func `a cancelled waiter leaves the line and takes nothing with it`() async throws {
        let slots = Slots(1)
        try await slots.acquire()
        let waiter = Task { try await slots.acquire() }
        try await eventually("it waits") { slots.waiting == 1 }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        #expect(slots.waiting == 0)
        slots.release()
        try await slots.acquire()
    }

    @Test func `a task that is already cancelled gets nothing`() async throws {
        let slots = Slots(1)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await slots.acquire()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await slots.acquire()
    }

    @Test func `a ticket takes all its slots or none`() async throws {
        let (own, shared) = (Slots(1), Slots(1))
        try await shared.acquire()
        let ticket = SlotTicket([own, shared])
        let taking = Task { try await ticket.acquire() }
        try await eventually("it waits for the second") { shared.waiting == 1 }
        taking.cancel()
        await #expect(throws: CancellationError.self) { try await taking.value }
        try await own.acquire()
        ticket.release()
        own.release()
        shared.release()
        try await ticket.acquire()
        ticket.release()
        ticket.release()
        try await own.acquire()
        try await shared.acquire()
    }
}
