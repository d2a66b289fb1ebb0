import ConfigurationFiles
import Yams

/// That one service is made of another, and where the file says so.
struct ServiceReference {
    /// The other's name, with its variables replaced; never told, as a wrong variable may hold a secret.
    let name: String
    /// What errors call it: the name, or the variable that stands for it.
    let shown: String
    let isFromVariable: Bool
    let path: String
    let place: Node

    func problem(_ message: String) -> ConfigurationProblem {
        ConfigurationProblem(line: place.mark?.line, column: place.mark?.column, key: path, message: message)
    }
}
