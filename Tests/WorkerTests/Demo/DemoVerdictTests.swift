import Foundation
import Testing

@testable import worker

@Suite struct DemoVerdictTests {
    private func verdict(_ ids: [String], _ ledgers: [String: String], killed: String? = "w2") -> DemoVerdict {
        DemoVerdict(publishedIDs: ids, broken: 1, ledgers: ledgers.mapValues { Ledger($0) }, killed: killed)
    }

    @Test func `all once, with the dead worker's work done by another, holds`() {
        let verdict = verdict(
            ["a", "b", "a", "c"],
            ["w1": "start a\ndone a\nstart c\ndone c\n", "w2": "start b\ndone b\nstart c\nheld c\n"])
        #expect(verdict.holds)
        #expect(verdict.json(seconds: 1.25).json.contains(#""takenOver":1"#))
        #expect((verdict.published, verdict.executed, verdict.duplicates) == (4, 3, 1))
    }

    @Test func `an order that nobody finished is lost`() {
        let verdict = verdict(["a", "b"], ["w1": "start a\ndone a\n", "w2": "start b\n"])
        #expect(verdict.lost == 1)
        #expect(verdict.takenOver == 0)
        #expect(!verdict.holds)
    }

    @Test func `an order finished by two workers, or twice by one, is double`() {
        #expect(verdict(["a"], ["w1": "start a\ndone a\n", "w2": "start a\ndone a\n"]).double == 1)
        #expect(verdict(["a"], ["w1": "start a\ndone a\nstart a\ndone a\n"]).double == 1)
        #expect(!verdict(["a"], ["w1": "start a\ndone a\nstart a\ndone a\n"]).holds)
    }

    @Test func `without a takeover the promise was not tested`() {
        #expect(!verdict(["a"], ["w1": "start a\ndone a\n"]).holds)
        #expect(!verdict(["a"], ["w1": "start a\ndone a\n", "w2": "start a\n"], killed: nil).holds)
    }

    @Test func `effects that nobody asked for spoil the verdict`() {
        #expect(verdict(["a"], ["w1": "start a\ndone a\ndone z\n", "w2": "start a\n"]).strange == 1)
        #expect(verdict(["a"], ["w1": "start a\ndone a\nrubbish\n", "w2": "start a\n"]).strange == 1)
    }

    @Test func `a line still being written is not read`() {
        #expect(Ledger("start a\ndone a").done == 0)
        #expect(Ledger("start a\ndone a").unfinished == ["a"])
        #expect(Ledger("sta").work.isEmpty)
    }
}

@Suite struct DemoPlanTests {
    private func ledgers(done: Int, victim: String) -> [String: Ledger] {
        let others = (0..<done).map { "start \($0)\ndone \($0)\n" }.joined()
        return ["w1": Ledger(others), "w2": Ledger(victim)]
    }

    @Test func `it kills only when every slot of the victim is held half-way`() {
        var plan = DemoPlan(expected: Set((0..<12).map(String.init)), victim: "w2", slots: 2)
        #expect(plan.observe(ledgers(done: 2, victim: "")) == .none)
        #expect(plan.observe(ledgers(done: 3, victim: "start 9\n")) == .hold)
        #expect(plan.observe(ledgers(done: 4, victim: "start 9\nstart 10\nheld 10\n")) == .none)
        #expect(plan.observe(ledgers(done: 4, victim: "start 9\ndone 9\nstart 10\nheld 10\n")) == .none)
        let held = "start 9\ndone 9\nstart 10\nheld 10\nstart 11\nheld 11\n"
        #expect(plan.observe(ledgers(done: 4, victim: held)) == .kill)
        #expect(plan.observe(ledgers(done: 9, victim: held)) == .none)
        #expect(plan.observe(ledgers(done: 12, victim: held)) == .finish)
        #expect(plan.observe(ledgers(done: 12, victim: held)) == .none)
    }
}

@Suite struct OrderStreamTests {
    @Test func `the built-in orders are the file of the repository`() throws {
        let root = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
        let file = try String(contentsOfFile: "\(root)/\(DemoInput.file)", encoding: .utf8)
        #expect(file == OrderStream.ndjson(), "worker demo --print-events > \(DemoInput.file)")
    }

    @Test func `a thousand lines are 893 orders, 100 repeats and 7 broken lines`() throws {
        let text = OrderStream.ndjson()
        #expect(text.split(separator: "\n").count == 1_000)
        let input = try DemoInput(origin: "built-in", bytes: Array(text.utf8))
        #expect(input.ids.count == 993)
        #expect(Set(input.ids).count == 893)
        #expect(input.broken == 7)
    }

    @Test func `every order's total is the sum of its items`() throws {
        for line in OrderStream.ndjson().split(separator: "\n") {
            guard case .object(let order)? = try? JSONParser.parse(String(line)),
                case .array(let items)? = order["items"], case .number(let total)? = order["total"]
            else { continue }
            var cents = 0
            for case .object(let item) in items {
                guard case .number(let price)? = item["price"], case .number(let quantity)? = item["quantity"] else {
                    Issue.record("an item without price or quantity")
                    continue
                }
                cents += (Int(price.replacing(".", with: "")) ?? 0) * (Int(quantity) ?? 0)
            }
            #expect(Int(total.replacing(".", with: "")) == cents)
        }
    }

    @Test func `orders of one's own need an id`() {
        #expect(throws: Failure.self) { try DemoInput(origin: "x", bytes: Array("{\"no\":1}\n".utf8)) }
        #expect(throws: Failure.self) { try DemoInput(origin: "x", bytes: Array("{\"id\":\"a\"}\n".utf8)) }
    }
}
