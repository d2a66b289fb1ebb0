struct ServerInfo: Sendable { var runID: String?; init(_ t: String) {} }
