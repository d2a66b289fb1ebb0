import Testing

@testable import RedisCore

@Suite struct `INFO's reply` {
    private let text = """
        # Server\r
        redis_version:7.0.15\r
        run_id:0123abcd\r
        \r
        # Clients\r
        connected_clients: 12 \r
        maxclients:10000\r
        # Persistence\r
        loading:0\r
        aof_last_write_status:ok\r
        rdb_last_bgsave_status:err\r
        # Replication\r
        role:master\r
        executable:/usr/bin/redis:server\r

        """

    @Test func `gives fields by name, as text, number and flag`() {
        let info = ServerInfo(text)
        #expect(info.version == "7.0.15")
        #expect(info.runID == "0123abcd")
        #expect(info.role == "master")
        #expect(info.integer("connected_clients") == 12)
        #expect(info.isLoading == false)
        #expect(info.flag("aof_last_write_status") == true)
        #expect(info.flag("rdb_last_bgsave_status") == false)
        #expect(info["executable"] == "/usr/bin/redis:server")
        #expect(info["nothing"] == nil && info.integer("nothing") == nil && info.flag("role") == nil)
    }

    @Test(arguments: ["", "\r\n", ":", "::", "no colon", "# only a header", "\u{0}\u{FFFD}:\u{301}", "a:b:c\n:x\nb:"])
    func `of any garbage is read without complaint`(text: String) {
        let info = ServerInfo(text)
        #expect(info.version == nil && info.role == nil && info.replicationLag == nil)
    }

    @Test func `keeps the first of two equal names, and no number that is none`() {
        let info = ServerInfo("used_memory:1\nused_memory:2\nmaxmemory:99999999999999999999\nuptime:-nan\n")
        #expect(info.integer("used_memory") == 1)
        #expect(info.integer("maxmemory") == nil)
        #expect(info.integer("uptime") == nil)
    }

    @Test func `tells a replica's lag, and a master's slowest replica`() {
        #expect(ServerInfo("role:slave\nmaster_last_io_seconds_ago:3").replicationLag == .seconds(3))
        #expect(ServerInfo("role:slave\nmaster_last_io_seconds_ago:-1").replicationLag == nil)
        let master = ServerInfo(
            "role:master\nconnected_slaves:2\nslave0:ip=a,port=1,state=online,offset=4,lag=1\nslave1:ip=b,lag=7")
        #expect(master.replicationLag == .seconds(7))
        #expect(ServerInfo("role:master\nconnected_slaves:0").replicationLag == nil)
        #expect(ServerInfo("role:master\nconnected_slaves:999999999\nslave0:lag=x").replicationLag == nil)
    }
}
