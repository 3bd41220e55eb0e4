import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import java.util.*;

/** Writes the descriptors of the messages between a master, schedulers and executors, as a FileDescriptorSet. */
public class Descriptors {
    public static void main(String[] arguments) throws Exception {
        Map<String, FileDescriptor> files = new LinkedHashMap<>();
        add(files, org.apache.mesos.v1.scheduler.Protos.getDescriptor());
        add(files, org.apache.mesos.v1.executor.Protos.getDescriptor());
        FileDescriptorSet.Builder all = FileDescriptorSet.newBuilder();
        files.values().forEach(file -> all.addFile(file.toProto()));
        all.build().writeTo(System.out);
        System.out.flush();
    }

    /** A file comes after those that it imports. */
    private static void add(Map<String, FileDescriptor> files, FileDescriptor file) {
        file.getDependencies().forEach(imported -> add(files, imported));
        files.putIfAbsent(file.getName(), file);
    }
}
