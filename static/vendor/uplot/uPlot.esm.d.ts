// For make lint alone: the types of this file are those of the npm package. A browser never loads this.
import uPlot from "uplot";
export default uPlot;
