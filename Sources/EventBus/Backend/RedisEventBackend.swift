import RedisCore

/// Events over Redis PUBLISH and SUBSCRIBE.
struct RedisEventBackend: EventBackend {
    let redis: RedisClient

    init(_ redis: RedisClient) { self.redis = redis }

    func publish(_ payload: [UInt8], to channel: String) async throws(EventBusError) -> Int {
        do throws(RedisError) {
            return try await redis.publish(payload, to: channel)
        } catch {
            throw Self.failure(error, channel)
        }
    }

    func publish(_ messages: [OutgoingMessage]) async throws(EventBusError) -> [Result<Int, EventBusError>] {
        let replies: [Result<RedisValue, RedisError>]
        do throws(RedisError) {
            replies = try await redis.pipeline(messages.map { RedisCommand("PUBLISH", $0.channel, $0.payload) })
        } catch {
            throw Self.failure(error, nil)
        }
        return zip(messages, replies).map { message, reply in
            switch reply {
            case .success(.integer(let count)): .success(Int(count))
            case .success:
                .failure(
                    EventBusError(
                        .publishFailed, operation: "publish", channel: message.channel,
                        message: "the server answered PUBLISH with something else than a number"))
            case .failure(let error): .failure(Self.failure(error, message.channel))
            }
        }
    }

    func subscribe(
        channels: [String], patterns: [String], buffer: SubscriptionBuffer
    ) async throws(EventBusError) -> any EventSubscription {
        do throws(RedisError) {
            return RedisEventSubscription(
                subscription: try await redis.subscribe(channels: channels, patterns: patterns, buffer: buffer))
        } catch {
            throw EventBusError(
                .subscribeFailed, operation: "subscribe",
                message: "Redis did not confirm the subscription to \(channels.count + patterns.count) names",
                underlying: error)
        }
    }

    private static func failure(_ error: RedisError, _ channel: String?) -> EventBusError {
        EventBusError(
            .publishFailed, operation: "publish", channel: channel,
            message: error.wasWritten
                ? "publishing was interrupted, the event may or may not have been delivered"
                : "nothing was published", underlying: error)
    }
}

private struct RedisEventSubscription: EventSubscription {
    let subscription: RedisSubscription

    func nextBatch(limit: Int) async -> [SubscriptionEvent]? { await subscription.nextBatch(max: limit) }
    var dropped: Int { subscription.dropped }
    func finish() async { await subscription.finish() }
    func cancel() async { await subscription.cancel() }
}
