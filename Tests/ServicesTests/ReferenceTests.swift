import Cache
import Foundation
import RedisCore
import Services
import Synchronization
import TestSupport
import Testing

/// Services that are made of others.
@Suite struct ReferenceTests {
    /// Says what it is made of.
    private static let list = ServiceFactory("list") { settings in
        (own: settings.text("own", default: "-"), other: settings.has("of") ? settings.requiredService("of") : nil)
    } make: { settings, clients in
        try [settings.own] + (settings.other.map { try clients.service($0) } ?? [String]())
    }

    @Test func `a service that uses a later one is made after it, and both are closed the other way round`()
        async throws
    {
        let closed = Mutex<[String]>([])
        let part = ServiceFactory("part") { settings in
            (name: settings.service, of: settings.has("of") ? settings.requiredService("of") : nil)
        } make: { settings, clients in
            if let of = settings.of { _ = try clients.service(of, as: String.self) }
            return settings.name
        } close: { name in
            closed.withLock { $0.append(name) }
        }
        let services = ServiceRegistry()
        try services.register(part)
        try services.load(
            yaml: """
                services:
                  a: { type: part, config: { of: c } }
                  b: { type: part }
                  c: { type: part, config: { of: d } }
                  d: { type: part }
                """, environment: [:])
        #expect(services.names == ["b", "d", "c", "a"])
        await services.shutDown()
        #expect(closed.withLock { $0 } == ["a", "c", "d", "b"])
    }

    @Test func `a service that two others use is made once`() async throws {
        let made = Mutex(0)
        let source = ServiceFactory("source") { _ in
        } make: { _, _ in
            made.withLock { $0 += 1 }
            return "source \(made.withLock { $0 })"
        }
        let user = ServiceFactory("user") { settings in
            settings.requiredService("source")
        } make: { name, clients in
            [try clients.service(name, as: String.self)]
        }
        try await withRegistry { services in
            try services.register(source)
            try services.register(user)
            try services.load(
                yaml: """
                    services:
                      s: { type: source }
                      a: { type: user, config: { source: s } }
                      b: { type: user, config: { source: "${NAME:s}" } }
                    """, environment: [:])
            try services.create("c", type: "user", config: ["source": "s"])
            for name in ["a", "b", "c"] { #expect(try services.get(name, as: [String].self) == ["source 1"]) }
            #expect(try services.get("s", as: String.self) == "source 1")
            #expect(try services.get("s", as: String.self) == "source 1")
        }
    }

    /// Its client would be closed under the new one.
    @Test(arguments: [false, true])
    func `a service whose part was closed while it was made is not kept`(isReplaced: Bool) async throws {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let gate = DispatchSemaphore(value: 0)
        let slow = ServiceFactory("slow") { settings in
            settings.requiredService("of")
        } make: { name, clients in
            let part: InMemoryKeyValueStore = try clients.service(name)
            begin.finish()
            gate.wait()
            return [part]
        }
        try await withRegistry { services in
            try services.register(slow)
            try services.create("part", type: "kvstore_memory")
            let result = Mutex<String?>(nil)
            let done = TestSignal("the service is made")
            // A thread of its own, as it is held up.
            Thread.detachNewThread {
                let message = serviceError(.notFound) {
                    try services.create("slow", type: "slow", config: ["of": "part"])
                }
                result.withLock { $0 = message }
                done.fire()
            }
            for await _ in begun {}
            #expect(await services.close("part"))
            if isReplaced { try services.create("part", type: "kvstore_memory") }
            gate.signal()
            try await done.wait(within: .seconds(60))
            #expect(result.withLock { $0 } == "'slow' is made of 'part', which was closed meanwhile")
            #expect(services.names == (isReplaced ? ["part"] : []))
        }
    }

    @Test func `getting a service twice gives the same one`() async throws {
        try await withRegistry { services in
            try services.create("a", type: "kvstore_memory")
            let one: InMemoryKeyValueStore = try services.get("a")
            let other: any KeyValueStore = try services.get("a")
            #expect(one === other as? InMemoryKeyValueStore)
        }
    }

    @Test func `a service that is not there, or of another type, or of itself, is told where it is named`() throws {
        func problems(_ yaml: String) throws -> [String] {
            let services = ServiceRegistry()
            try services.register(Self.list)
            services.registerCore()
            let message = serviceError(.configuration) {
                try services.load(yaml: yaml, file: "app.yaml", environment: [:])
            }
            #expect(services.names.isEmpty, "all or none")
            return message.split(separator: "\n").map(String.init)
        }
        #expect(
            try problems("services:\n  a: { type: list, config: { of: lst } }\n  list: { type: list }\n")
                == [
                    "app.yaml:2:34: services.a.config.of: there is no service 'lst' (did you mean 'list'?): "
                        + "there are list"
                ])
        #expect(
            try problems("services:\n  a: { type: list, config: { of: m } }\n  m: { type: kvstore_memory }\n")
                == [
                    "app.yaml:2:3: services.a: cannot be made: the service 'm' (kvstore_memory) is of type "
                        + "InMemoryKeyValueStore, not Array<String>"
                ])
        #expect(
            try problems("services:\n  a: { type: list, config: { of: b } }\n  b: { type: list, config: { of: a } }\n")
                == [
                    "app.yaml:2:34: services.a.config.of: 'a' and 'b' cannot be made of each other",
                    "app.yaml:3:34: services.b.config.of: 'b' and 'a' cannot be made of each other",
                ])
        #expect(
            try problems("services: { a: { type: list, config: { of: a } } }")
                == ["app.yaml:1:44: services.a.config.of: 'a' cannot be made of itself"])
    }

    @Test func `what a variable stands for is not told, nor a name that is like it`() async throws {
        try await withRegistry { services in
            try services.register(Self.list)
            try services.register(.expirySweeper { _ in })
            /// `NAME` is what it takes for the name of a service.
            func told(_ name: String, _ yaml: String) -> String {
                let message = serviceError(.configuration) {
                    try services.load(yaml: "services:\n" + yaml, file: "app.yaml", environment: ["NAME": name])
                }
                #expect(!message.contains(name) && !message.contains("did you mean"))
                return message
            }
            let user = "  a: { type: list, config: { of: '${NAME}' } }\n"
            #expect(
                told("hunter2", user + "  hunter: { type: list }\n")
                    == "app.yaml:2:34: services.a.config.of: what '${NAME}' stands for is no service: there are hunter")
            let type = told("lisst", "  a: { type: '${NAME}' }\n")
            #expect(type.contains("what '${NAME}' stands for is not a known type; known"))
            // Not even where it is the name of a service that there is.
            try services.create("hunter2", type: "kvstore_memory")
            #expect(
                told("hunter2", user)
                    == "app.yaml:2:3: services.a: cannot be made: what '${NAME}' stands for (kvstore_memory) is of "
                    + "type InMemoryKeyValueStore, not Array<String>")
            try services.create("quiet", type: "cache_service", config: ["namespace": "n"])
            let sweeper = "  a: { type: expiry_sweeper, config: { cache: '${NAME}' } }\n"
            #expect(told("quiet", sweeper).contains("what '${NAME}' stands for does not note when its items end"))
        }
    }

    @Test func `a sweeper tells of what ends in the cache that its file names, and keeps the connection`()
        async throws
    {
        let yaml = """
            services:
              sweeper: { type: expiry_sweeper, config: { cache: pending, pause: 50ms } }
              pending:
                type: cache_service
                config: { url: "${URL}", namespace: pending, expiry: { track: values }, timeout: 20s }
            """
        let told = Mutex<[String]>([])
        try await withRedisServer { server in
            try await withRegistry { services in
                try services.register(
                    .expirySweeper { expired in
                        let value = try expired.value(as: Int.self) ?? 0
                        told.withLock { $0.append("\(expired.key)=\(value)") }
                    })
                try services.load(yaml: yaml, environment: ["URL": server.tcp.url])
                let pending: IndexedCache = try services.get("pending")
                try await pending.set("a", 7, ttl: .after(.milliseconds(1)))
                let sweeper: ExpirySweeper = try services.get("sweeper")
                #expect(await services.close("pending"), "the sweeper's connection stays")
                try await eventually("the end to be told") {
                    _ = try await sweeper.sweep()
                    return told.withLock { $0 } == ["a=7"]
                }
                #expect(await services.close("sweeper"))
                await #expect(throws: CacheError.self, "the last one closed it") { try await sweeper.sweep() }
            }
        }
    }

    @Test func `a sweeper needs a cache that notes when its items end`() async throws {
        try await withRegistry { services in
            try services.register(.expirySweeper { _ in })
            let message = serviceError(.configuration) {
                try services.load(
                    yaml: """
                        services:
                          sweeper: { type: expiry_sweeper, config: { cache: pending } }
                          pending: { type: cache_service, config: { namespace: pending } }
                        """, file: "app.yaml", environment: [:])
            }
            #expect(
                message == "app.yaml:2:3: services.sweeper: cannot be made: 'pending' does not note when its items "
                    + "end; give it 'expiry: { track: keys }' or 'expiry: { track: values }'")
            #expect(services.names.isEmpty)
        }
    }
}
