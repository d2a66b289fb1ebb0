import RedisCore
import Testing

@testable import Coordination

@Suite struct WakeChannelsTests {
    @Test func `the first wish opens the subscription`() {
        var channels = WakeChannels()
        let (confirmed, operation) = channels.want("a")
        #expect(!confirmed)
        #expect(operation == .open(["a"]))
        #expect(channels.finished(success: true).confirmed == ["a"])
        #expect(channels.want("a").isConfirmed == true)
    }

    @Test func `one request at a time, wishes meanwhile are gathered`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        #expect(channels.want("b").next == nil)
        #expect(channels.want("c").next == nil)
        let (confirmed, next) = channels.finished(success: true)
        #expect(confirmed == ["a"])
        #expect(next == .add(["b", "c"]))
        #expect(channels.finished(success: true).confirmed == ["b", "c"])
    }

    @Test func `an unwanted channel stays until the sweep and can be wanted again before`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        _ = channels.want("b")
        _ = channels.finished(success: true)
        _ = channels.finished(success: true)
        channels.unwant("a")
        #expect(channels.needsSweep == true)
        #expect(channels.want("a").isConfirmed == true)
        #expect(channels.needsSweep == false)
        channels.unwant("a")
        #expect(channels.sweep() == .remove(["a"]))
        #expect(channels.want("a").isConfirmed == false)
        #expect(channels.finished(success: true).next == .add(["a"]))
    }

    @Test func `a channel is counted, not toggled`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        _ = channels.want("a")
        _ = channels.finished(success: true)
        channels.unwant("a")
        #expect(channels.needsSweep == false)
        channels.unwant("a")
        #expect(channels.needsSweep == true)
    }

    @Test func `the last sweep closes and a wish meanwhile opens again`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        _ = channels.finished(success: true)
        channels.unwant("a")
        #expect(channels.sweep() == .close)
        #expect(channels.want("a").next == nil)
        #expect(channels.finished(success: true).next == .open(["a"]))
        _ = channels.finished(success: true)
        channels.unwant("a")
        #expect(channels.sweep() == .close)
        _ = channels.finished(success: true)
        #expect(channels.isIdle == true)
    }

    @Test func `what failed is asked for again`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        let (confirmed, next) = channels.finished(success: false)
        #expect(confirmed == [])
        #expect(next == nil)
        #expect(channels.retry() == .open(["a"]))
    }

    @Test func `a subscription that ended is opened again for who is left`() {
        var channels = WakeChannels()
        _ = channels.want("a")
        _ = channels.want("b")
        _ = channels.finished(success: true)
        _ = channels.finished(success: true)
        channels.unwant("a")
        channels.ended()
        #expect(channels.retry() == .open(["b"]))
    }

    @Test func `channels that only Unicode takes for the same are two`() {
        let (composed, decomposed): (ExactString, ExactString) = ("caf\u{E9}", "cafe\u{301}")
        var channels = WakeChannels()
        _ = channels.want(composed)
        // Wanted while the other is being asked for.
        #expect(channels.want(decomposed).isConfirmed == false)
        #expect(channels.finished(success: true).next == .add([decomposed]))
        #expect(channels.finished(success: true).confirmed == [decomposed])
        channels.unwant(composed)
        #expect(channels.sweep() == .remove([composed]))
        #expect(channels.want(decomposed).isConfirmed == true)
    }
}
